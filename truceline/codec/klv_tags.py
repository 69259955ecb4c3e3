"""Tags of MISB ST 0601 and keys of EG 0104 that have a column of their own (contract drone, section 1)."""

from typing import Literal, NamedTuple

Coding = Literal["unsigned", "signed", "uint", "int", "text", "imapb"]


class Item(NamedTuple):
    """How one tag is coded: range and usual length in bytes (0: as long as its text)."""

    tag: int
    column: str
    coding: Coding
    lowest: float = 0.0
    highest: float = 0.0
    length: int = 0


ST0601_KEY = bytes.fromhex("060e2b34020b01010e01030101000000")
EG0104_KEY = bytes.fromhex("060e2b34020101010e01010201010000")
KEY_BYTES = 16
CHECKSUM_TAG = 1
TIME_TAG = 2

ITEMS = (
    Item(3, "mission_id", "text"),
    Item(4, "platform_tail_number", "text"),
    Item(5, "platform_heading_deg", "unsigned", 0.0, 360.0, 2),
    Item(6, "platform_pitch_deg", "signed", -20.0, 20.0, 2),
    Item(7, "platform_roll_deg", "signed", -50.0, 50.0, 2),
    Item(8, "platform_true_airspeed_mps", "uint", length=1),
    Item(9, "platform_indicated_airspeed_mps", "uint", length=1),
    Item(10, "platform_designation", "text"),
    Item(11, "image_source_sensor", "text"),
    Item(12, "image_coordinate_system", "text"),
    Item(13, "sensor_lat_deg", "signed", -90.0, 90.0, 4),
    Item(14, "sensor_lon_deg", "signed", -180.0, 180.0, 4),
    Item(15, "sensor_msl_m", "unsigned", -900.0, 19000.0, 2),
    Item(16, "sensor_hfov_deg", "unsigned", 0.0, 180.0, 2),
    Item(17, "sensor_vfov_deg", "unsigned", 0.0, 180.0, 2),
    Item(18, "sensor_rel_azimuth_deg", "unsigned", 0.0, 360.0, 4),
    Item(19, "sensor_rel_elevation_deg", "signed", -180.0, 180.0, 4),
    Item(20, "sensor_rel_roll_deg", "unsigned", 0.0, 360.0, 4),
    Item(21, "slant_range_m", "unsigned", 0.0, 5000000.0, 4),
    Item(22, "target_width_m", "unsigned", 0.0, 10000.0, 2),
    Item(23, "frame_center_lat_deg", "signed", -90.0, 90.0, 4),
    Item(24, "frame_center_lon_deg", "signed", -180.0, 180.0, 4),
    Item(25, "frame_center_msl_m", "unsigned", -900.0, 19000.0, 2),
    Item(26, "corner1_offset_lat_deg", "signed", -0.075, 0.075, 2),
    Item(27, "corner1_offset_lon_deg", "signed", -0.075, 0.075, 2),
    Item(28, "corner2_offset_lat_deg", "signed", -0.075, 0.075, 2),
    Item(29, "corner2_offset_lon_deg", "signed", -0.075, 0.075, 2),
    Item(30, "corner3_offset_lat_deg", "signed", -0.075, 0.075, 2),
    Item(31, "corner3_offset_lon_deg", "signed", -0.075, 0.075, 2),
    Item(32, "corner4_offset_lat_deg", "signed", -0.075, 0.075, 2),
    Item(33, "corner4_offset_lon_deg", "signed", -0.075, 0.075, 2),
    Item(35, "wind_direction_deg", "unsigned", 0.0, 360.0, 2),
    Item(36, "wind_speed_mps", "unsigned", 0.0, 100.0, 1),
    Item(37, "static_pressure_hpa", "unsigned", 0.0, 5000.0, 2),
    Item(38, "density_altitude_m", "unsigned", -900.0, 19000.0, 2),
    Item(39, "outside_air_temperature_c", "int", length=1),
    Item(40, "target_lat_deg", "signed", -90.0, 90.0, 4),
    Item(41, "target_lon_deg", "signed", -180.0, 180.0, 4),
    Item(42, "target_msl_m", "unsigned", -900.0, 19000.0, 2),
    Item(45, "target_ce90_m", "unsigned", 0.0, 4095.0, 2),
    Item(46, "target_le90_m", "unsigned", 0.0, 4095.0, 2),
    Item(49, "differential_pressure_hpa", "unsigned", 0.0, 5000.0, 2),
    Item(50, "platform_angle_of_attack_deg", "signed", -20.0, 20.0, 2),
    Item(51, "platform_vertical_speed_mps", "signed", -180.0, 180.0, 2),
    Item(52, "platform_sideslip_deg", "signed", -20.0, 20.0, 2),
    Item(53, "airfield_pressure_hpa", "unsigned", 0.0, 5000.0, 2),
    Item(54, "airfield_elevation_msl_m", "unsigned", -900.0, 19000.0, 2),
    Item(55, "relative_humidity_pct", "unsigned", 0.0, 100.0, 1),
    Item(56, "platform_ground_speed_mps", "uint", length=1),
    Item(57, "ground_range_m", "unsigned", 0.0, 5000000.0, 4),
    Item(58, "platform_fuel_kg", "unsigned", 0.0, 10000.0, 2),
    Item(59, "platform_call_sign", "text"),
    Item(64, "platform_magnetic_heading_deg", "unsigned", 0.0, 360.0, 2),
    Item(65, "uas_ls_version", "uint", length=1),
    Item(67, "alternate_platform_lat_deg", "signed", -90.0, 90.0, 4),
    Item(68, "alternate_platform_lon_deg", "signed", -180.0, 180.0, 4),
    Item(69, "alternate_platform_msl_m", "unsigned", -900.0, 19000.0, 2),
    Item(70, "alternate_platform_name", "text"),
    Item(71, "alternate_platform_heading_deg", "unsigned", 0.0, 360.0, 2),
    Item(72, "event_start_time_us", "uint", length=8),
    Item(75, "sensor_hae_m", "unsigned", -900.0, 19000.0, 2),
    Item(76, "alternate_platform_hae_m", "unsigned", -900.0, 19000.0, 2),
    Item(78, "frame_center_hae_m", "unsigned", -900.0, 19000.0, 2),
    Item(79, "sensor_north_velocity_mps", "signed", -327.0, 327.0, 2),
    Item(80, "sensor_east_velocity_mps", "signed", -327.0, 327.0, 2),
    Item(82, "corner1_lat_deg", "signed", -90.0, 90.0, 4),
    Item(83, "corner1_lon_deg", "signed", -180.0, 180.0, 4),
    Item(84, "corner2_lat_deg", "signed", -90.0, 90.0, 4),
    Item(85, "corner2_lon_deg", "signed", -180.0, 180.0, 4),
    Item(86, "corner3_lat_deg", "signed", -90.0, 90.0, 4),
    Item(87, "corner3_lon_deg", "signed", -180.0, 180.0, 4),
    Item(88, "corner4_lat_deg", "signed", -90.0, 90.0, 4),
    Item(89, "corner4_lon_deg", "signed", -180.0, 180.0, 4),
    Item(90, "platform_pitch_full_deg", "signed", -90.0, 90.0, 4),
    Item(91, "platform_roll_full_deg", "signed", -90.0, 90.0, 4),
    Item(92, "platform_angle_of_attack_full_deg", "signed", -90.0, 90.0, 4),
    Item(93, "platform_sideslip_full_deg", "signed", -180.0, 180.0, 4),
    Item(96, "target_width_extended_m", "imapb", 0.0, 1500000.0, 3),
    Item(103, "density_altitude_extended_m", "imapb", -900.0, 40000.0, 3),
    Item(104, "sensor_hae_extended_m", "imapb", -900.0, 40000.0, 3),
    Item(105, "alternate_platform_hae_extended_m", "imapb", -900.0, 40000.0, 3),
    Item(106, "stream_designator", "text"),
    Item(107, "operational_base", "text"),
    Item(108, "broadcast_source", "text"),
    Item(112, "platform_course_deg", "imapb", 0.0, 360.0, 2),
    Item(113, "altitude_agl_m", "imapb", -900.0, 40000.0, 3),
    Item(114, "radar_altimeter_m", "imapb", -900.0, 40000.0, 3),
    Item(117, "sensor_azimuth_rate_dps", "imapb", -1000.0, 1000.0, 2),
    Item(118, "sensor_elevation_rate_dps", "imapb", -1000.0, 1000.0, 2),
    Item(119, "sensor_roll_rate_dps", "imapb", -1000.0, 1000.0, 2),
    Item(134, "zoom_pct", "imapb", 0.0, 100.0, 2),
)
BY_TAG = {item.tag: item for item in ITEMS}
BY_COLUMN = {item.column: item for item in ITEMS}

EG0104_TIME = bytes.fromhex("060e2b34010101030702010101050000")
EG0104_TEXT = {bytes.fromhex("060e2b34010101010101200100000000"): "platform_designation"}
EG0104_FLOAT = {
    bytes.fromhex("060e2b34010101010701020102020000"): "sensor_msl_m",
    bytes.fromhex("060e2b34010101030701020102040200"): "sensor_lat_deg",
    bytes.fromhex("060e2b34010101030701020102060200"): "sensor_lon_deg",
    bytes.fromhex("060e2b34010101070701100104000000"): "platform_roll_deg",
    bytes.fromhex("060e2b34010101070701100105000000"): "platform_pitch_deg",
    bytes.fromhex("060e2b34010101070701100106000000"): "platform_heading_deg",
    bytes.fromhex("060e2b34010101020420020101080000"): "sensor_hfov_deg",
    bytes.fromhex("060e2b340101010704200201010a0100"): "sensor_vfov_deg",
    bytes.fromhex("060e2b34010101010701080101000000"): "slant_range_m",
    bytes.fromhex("060e2b34010101010701100101000000"): "sensor_roll_deg",
    bytes.fromhex("060e2b34010101010701100102000000"): "angle_to_north_deg",
    bytes.fromhex("060e2b34010101010701100103000000"): "obliquity_deg",
    bytes.fromhex("060e2b34010101010701020103020000"): "frame_center_lat_deg",
    bytes.fromhex("060e2b34010101010701020103040000"): "frame_center_lon_deg",
    bytes.fromhex("060e2b34010101010701090201000000"): "target_width_m",
    bytes.fromhex("060e2b34010101030701020103070100"): "corner1_lat_deg",
    bytes.fromhex("060e2b340101010307010201030b0100"): "corner1_lon_deg",
    bytes.fromhex("060e2b34010101030701020103080100"): "corner2_lat_deg",
    bytes.fromhex("060e2b340101010307010201030c0100"): "corner2_lon_deg",
    bytes.fromhex("060e2b34010101030701020103090100"): "corner3_lat_deg",
    bytes.fromhex("060e2b340101010307010201030d0100"): "corner3_lon_deg",
    bytes.fromhex("060e2b340101010307010201030a0100"): "corner4_lat_deg",
    bytes.fromhex("060e2b340101010307010201030e0100"): "corner4_lon_deg",
}

# In the order of the contract: the tags first, then what only the legacy set has.
COLUMNS = {
    item.column: "text" if item.coding == "text" else "int" if item.coding in ("uint", "int") else "float"
    for item in ITEMS
}
COLUMNS.update({column: "float" for column in EG0104_FLOAT.values() if column not in COLUMNS})
