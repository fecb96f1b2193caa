"""What the transform AWS::LanguageExtensions adds to CloudFormation.

It also allows functions in `DeletionPolicy` and `UpdateReplacePolicy`
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/transform-aws-languageextensions.html).
"""

from typing import Any

from troposphere import AWSHelperFn

TRANSFORM = "AWS::LanguageExtensions"


class ToJsonString(AWSHelperFn):
    """A JSON document that stays readable in the template and reaches AWS as a string."""

    def __init__(self, document: dict[str, Any]) -> None:
        """Take a document, in which references and other functions are resolved first."""
        self.data = {"Fn::ToJsonString": document}
