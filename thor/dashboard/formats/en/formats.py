"""Formats of dates and times: seconds matter here, and a date must sort as it reads."""

DATE_FORMAT = "Y-m-d"
TIME_FORMAT = "H:i:s"
DATETIME_FORMAT = "Y-m-d H:i:s"
