"""The CloudFormation of an IoT data pipeline for factories, one environment per suffix."""

__version__ = "0.2.0"

DEFAULT_REGION = "ap-northeast-1"
"""The Region of the local AWS emulator and of price estimates where none is named."""
