"""The names of log groups."""

import pytest

from iot_pipeline_cfn.template.log_group_names import suffix_of_log_group


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("/ecs/iot-pipeline-pr-1", "pr-1"),
        ("/aws/ecs/containerinsights/iot-pipeline-pr1/performance", "pr1"),
        ("/aws/ecs/containerinsights/iot-pipeline-pr1", None),
        ("/ecs/iot-pipeline-pr1/performance", None),
        ("/ecs/iot-pipeline", None),
        ("/ecs/any-iot-pipeline-pr1", None),
        ("/any/ecs/iot-pipeline-pr1", None),
        ("/aws/lambda/iot-pipeline-pr1", None),
    ],
)
def test_suffix_is_that_of_a_name_which_the_templates_declare(name, suffix):
    assert suffix_of_log_group(name) == suffix
