"""Going back to the previous image."""

from deploying import parameters_of, small_template

TASK = {
    "Type": "AWS::ECS::TaskDefinition",
    "Properties": {
        "Family": "iot-pipeline-pr1",
        "ContainerDefinitions": [{"Name": "any", "Image": {"Fn::Sub": "repository:${ImageTag}"}}],
    },
}


def template(**sections):
    outputs = {"TaskDefinitionArn": {"Value": {"Ref": "TaskDefinition"}}}
    return small_template({"TaskDefinition": TASK}, outputs, **sections)


def test_rollback_deploys_the_previous_image_and_nothing_else(project, aws):
    project.write(template())
    project.deploy("pr1", "--image-tag", "v1")
    assert project.run("rollback", "pr1", "--yes").code == "no-previous-image"
    project.deploy("pr1", "--image-tag", "v2", "--parameter", "DisplayName=kept")
    project.deploy("pr1", "--image-tag", "v2", "--parameter", "DisplayName=kept too")
    # Neither the template nor the parameter file of the checkout is deployed.
    project.write(small_template(), pr={"Parameters": {"DisplayName": "newer"}})
    done = project.run("rollback", "pr1", "--yes")
    assert done.status == 0, done.err
    assert "previous-image" in done.notices
    found = parameters_of(aws)
    assert (found["ImageTag"], found["DisplayName"]) == ("v1", "kept too")
    assert "pr1 is up: updated in" in done.out
    assert project.run("rollback", "pr1", "--yes").status == 0
    assert parameters_of(aws)["ImageTag"] == "v2"
    assert project.run("rollback", "pr2").code == "absent"
