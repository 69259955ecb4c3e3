"""Photos of several makers, tagged as their own pages and the readers of others say."""

import io

import numpy as np
import pytest
from PIL import Image
from truceline.geo.camera import axes_of
from truceline.geo.photo_tags import PhotoTags, opened, read_tags


def tags(inside: str, attributes: str = "") -> PhotoTags:
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description {attributes}>{inside}</rdf:Description></x:xmpmeta>'  # noqa: E501
    out = io.BytesIO()
    Image.new("RGB", (40, 30)).save(out, "JPEG", xmp=xmp.encode())
    with opened("a.jpg", out.getvalue()) as image:
        return read_tags(image, out.getvalue())


@pytest.mark.parametrize(
    ("inside", "attributes", "expected"),
    [
        # DJI, "drone-dji" XMP (ExifTool, DJI tags): pitch -90 looks straight down.
        (
            "",
            'xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/" drone-dji:RelativeAltitude="+40.10" '
            'drone-dji:GimbalYawDegree="-111.50" drone-dji:GimbalPitchDegree="-89.90" '
            'drone-dji:FlightYawDegree="3"',
            (-111.5, -89.9, 0.0, 40.1),
        ),
        # Pix4D, "Yaw, Pitch, Roll and Omega, Phi, Kappa angles": pitch 0 looks straight down, 90 forward.
        ("<Camera:Yaw>12.5</Camera:Yaw><Camera:Pitch>0</Camera:Pitch>", "", (12.5, -90.0, 0.0, None)),
        ("<Camera:Pitch>90</Camera:Pitch><Camera:Roll>4</Camera:Roll>", "", (None, 0.0, 0.0, None)),
        # Parrot Sequoia writes its height as a fraction (OpenDroneMap, photo.py, reads such ones).
        (
            "",
            'Camera:Yaw="350" Camera:Pitch="20" Camera:AboveGroundAltitude="12050/100"',
            (350.0, -70.0, 0.0, 120.5),
        ),
        # Parrot ANAFI: CameraPitchDegree counts from the horizon (OpenAthena, DroneImage).
        (
            "",
            'drone-parrot:CameraYawDegree="77" drone-parrot:CameraPitchDegree="-45"',
            (77.0, -45.0, 0.0, None),
        ),
        # Autel, newer firmware: name space "drone" (OpenAthena, handling of Autel).
        (
            "",
            'drone:GimbalYawDegree="10" drone:GimbalPitchDegree="-60" drone:RelativeAltitude="50"',
            (10.0, -60.0, 0.0, 50.0),
        ),
        # Skydio tells several orientations; NED is that against north and the horizon (Skydio support).
        (
            '<drone-skydio:CameraOrientationFLU drone-skydio:Yaw="1" drone-skydio:Pitch="2"/>'
            '<drone-skydio:CameraOrientationNED drone-skydio:Roll="0.187" drone-skydio:Pitch="-7.469" '
            'drone-skydio:Yaw="127.444"/><drone-skydio:Other drone-skydio:Yaw="5"/>',
            "",
            (127.444, -7.469, 0.187, None),
        ),
        (
            '<drone-skydio:CameraOrientationNED rdf:parseType="Resource">'
            "<drone-skydio:Yaw>127.4</drone-skydio:Yaw>"
            "<drone-skydio:Pitch>-7.5</drone-skydio:Pitch><drone-skydio:Roll>0.2</drone-skydio:Roll>"
            "</drone-skydio:CameraOrientationNED>",
            "",
            (127.4, -7.5, 0.2, None),
        ),
        # No aircraft is there: a damaged height is none.
        ("", 'drone-dji:RelativeAltitude="1e300"', (None, -90.0, 0.0, None)),
        # A phone's own "GCamera" is not Pix4D's "Camera".
        ("", 'GCamera:Yaw="33" GCamera:Pitch="10"', (None, -90.0, 0.0, None)),
    ],
)  # fmt: skip
def test_each_maker_is_read_by_its_own_convention(inside, attributes, expected):
    told = tags(inside, attributes)

    got = (told.yaw_deg, told.pitch_deg, told.roll_deg, told.above_m)
    assert got == pytest.approx(tuple(float("nan") if x is None else x for x in expected), nan_ok=True)


def test_bank_of_an_aircraft_without_a_gimbal_is_a_doubt():
    # Pix4D, "Yaw, Pitch, Roll …": with a gimbal roll is usually 0, so what is there is the aircraft's.
    assert tags("", 'Camera:Pitch="0" Camera:Roll="-8"').bank_deg == 8.0
    assert tags("", 'drone-dji:GimbalRollDegree="0" Camera:Roll="-8"').bank_deg == 0.0


def test_a_gimbal_turned_over_looks_where_it_looked():
    # DJI writes roll 180 and the opposite yaw when a gimbal that looks down turns over.
    told = tags(
        "",
        'drone-dji:GimbalYawDegree="-140" drone-dji:GimbalPitchDegree="-89" drone-dji:GimbalRollDegree="180"',
    )

    same = axes_of(told.yaw_deg, told.pitch_deg, told.roll_deg, 0, 0, 0)
    np.testing.assert_allclose(same, axes_of(-140, -89, 180, 0, 0, 0), atol=1e-12)
    assert (told.yaw_deg, told.roll_deg) == (40.0, 0.0)
