"""The log's primitives against published vectors, and the format's own sample files."""

import hashlib
import json
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from truceline.log.canon import canonical, number_text
from truceline.log.keys import Key
from truceline.log.merkle import EMPTY_ROOT, Tree, check_consistency, check_inclusion, leaf_hash
from truceline.log.sign import GROUP_ORDER, signature_holds
from truceline.log.verify import read_known, read_trust, verify_path

# RFC 8785, appendix B: IEEE 754 bits and the text that ECMAScript gives.
RFC8785_NUMBERS = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555554", "333333333.33333325"),
    ("41b3de4355555555", "333333333.3333333"),
    ("41b3de4355555556", "333333333.3333334"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]

# RFC 8032, section 7.1: secret key, public key, message, signature.
RFC8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
]

# Certificate Transparency's reference tree (merkletree test data of RFC 6962 implementations, same
# hashing as RFC 9162, 2.1): the eight leaves and the roots of the trees over the first n of them.
CT_LEAVES = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize(("bits", "text"), RFC8785_NUMBERS)
def test_numbers_are_written_as_rfc_8785_appendix_b_says(bits, text):
    assert number_text(struct.unpack(">d", bytes.fromhex(bits))[0]) == text


def test_rfc_8785_section_3_2_2_example_is_reproduced():
    text = (
        r'{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],'
        r'"string":"\u20ac$\u000F\u000aA\u0027\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}'
    )
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )

    assert canonical(json.loads(text)) == expected.encode()


def test_members_sort_by_utf_16_units_as_in_rfc_8785_section_3_2_3():
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\x80", "\u00f6"]

    written = json.loads(canonical(dict.fromkeys(keys, 0)))

    assert list(written) == ["\r", "1", "\x80", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


@pytest.mark.parametrize(("secret", "public", "message", "signature"), RFC8032)
def test_signatures_are_those_of_rfc_8032_section_7_1(secret, public, message, signature):
    key = Key(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret)))

    assert key.public.hex() == public
    assert key.sign(bytes.fromhex(message)) == signature
    assert signature_holds(key.public, bytes.fromhex(message), bytes.fromhex(signature))


def test_a_signature_with_s_beyond_the_group_order_does_not_hold():
    # RFC 8032, section 5.1.7: S must be below L, or signatures could be changed without the key.
    _, public, message, signature = (bytes.fromhex(part) for part in RFC8032[1])
    beyond = (int.from_bytes(signature[32:], "little") + GROUP_ORDER).to_bytes(32, "little")

    assert not signature_holds(public, message, signature[:32] + beyond)


def test_roots_are_those_of_the_certificate_transparency_reference_tree():
    tree = Tree()

    roots = []
    for data in CT_LEAVES:
        tree.append(leaf_hash(bytes.fromhex(data)))
        roots.append(tree.root().hex())

    assert roots == CT_ROOTS
    # RFC 9162, 2.1.1: the hash of an empty list is the hash of an empty string.
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_format_vectors_of_canonical_json_are_reproduced(shared):
    for vector in _vectors(shared)["jcs"]:
        written = canonical(json.loads(vector["input"]))

        assert written.decode() == vector["canonical"]
        # One listed hash lacks a digit; a hash of 64 digits is compared.
        if len(vector["sha256"]) == 64:
            assert hashlib.sha256(written).hexdigest() == vector["sha256"]


def test_format_vectors_of_trees_are_reproduced_and_hold(shared):
    for vector in _vectors(shared)["merkle"]:
        tree = Tree()
        for text in vector["leaf_data_utf8"]:
            tree.append(leaf_hash(text.encode()))
        assert tree.root().hex() == vector["root_sha256"]
        for proof in vector["inclusion"]:
            path = tree.inclusion(proof["index"], tree.size)
            assert [node.hex() for node in path] == proof["path"]
            assert check_inclusion(proof["index"], tree.size, tree.leaf(proof["index"]), path, tree.root())
        for proof in vector["consistency"]:
            path = tree.consistency(proof["from"], tree.size)
            assert [node.hex() for node in path] == proof["path"]
            assert check_consistency(proof["from"], tree.size, tree.root(proof["from"]), tree.root(), path)


def test_format_vector_of_a_signature_holds(shared):
    vector = _vectors(shared)["signature"]

    held = signature_holds(
        bytes.fromhex(vector["public_key_hex"]),
        vector["message_utf8"].encode(),
        bytes.fromhex(vector["sig_hex"]),
    )

    assert held


@pytest.mark.parametrize("sample", ["sample_a", "sample_b"])
@pytest.mark.parametrize("name", ["log", "package.zip"])
def test_sample_logs_and_packages_verify_with_their_keys_and_not_without(shared, sample, name):
    folder = shared / "data" / "c2" / sample
    trust, known = read_trust(folder / "trust.json"), read_known(folder / "known_checkpoint.json")

    assert verify_path(folder / name, trust, known)[0] == 0
    assert verify_path(folder / name)[0] == 4
    assert verify_path(folder / name, {})[0] == 3


def _vectors(shared):
    return json.loads((shared / "data" / "c2" / "vectors.json").read_text())
