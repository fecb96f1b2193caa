"""The CloudFormation of an IoT data pipeline for factories, one environment per suffix."""

__version__ = "0.1.0"
