"""The JSON Schema of agreement files, made from the tables and the rule kinds there are."""

from typing import Any, cast

import msgspec

from truceline.plug import Rule, find
from truceline.rules.agreement import rule_types
from truceline.rules.clause import Clause
from truceline.rules.tables import AgreementTable

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def agreement_schema() -> dict[str, Any]:
    """Describe the file: its tables, and one form of rule for each type."""
    (head,), parts = msgspec.json.schema_components([AgreementTable], ref_template="#/$defs/{name}")
    schema = dict(parts.pop(head["$ref"].rsplit("/", 1)[1]))
    rules = []
    for word in rule_types():
        rule, more = _rule(word)
        parts.update(more)
        rules.append(rule)
    schema["properties"] = {**schema["properties"], "rule": {"type": "array", "items": {"oneOf": rules}}}
    return {"$schema": DIALECT, "title": "truceline.agreement/1", **schema, "$defs": parts}


def _rule(word: str) -> tuple[dict[str, Any], dict[str, Any]]:
    plug = cast(type[Rule], find("rules.kinds", word))
    keys = {field.name: field for field in msgspec.structs.fields(plug) if field.name != "terms"}
    generic: dict[str, Any] = {}
    if not issubclass(plug, Clause):
        generic = {name: field.type for name, field in _generic().items() if name not in keys}
    fields: list[Any] = []
    for field in keys.values():
        kind = field.type
        fields.append((field.encode_name, kind) if field.required else (field.encode_name, kind, None))
    fields += [(name, kind, None) for name, kind in generic.items()]
    shape = msgspec.defstruct(f"rule_{word}", fields, kw_only=True, forbid_unknown_fields=True)
    (head,), parts = msgspec.json.schema_components([shape], ref_template="#/$defs/{name}")
    own = dict(parts.pop(head["$ref"].rsplit("/", 1)[1]))
    for name in own["properties"]:
        own["properties"][name].pop("default", None)
    own["properties"] = {"type": {"const": word}, **own["properties"]}
    own["required"] = ["type", *own.get("required", [])]
    own["description"] = (plug.__doc__ or "").strip().splitlines()[0]
    return own, parts


def _generic() -> dict[str, Any]:
    names = ("parties", "valid_from", "valid_until")
    return {field.name: field for field in msgspec.structs.fields(Clause) if field.name in names}
