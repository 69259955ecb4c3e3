"""Logs of ordinary drones: subtitles, MAVLink, ULog, data flash. Bytes in, rows of a track out."""
