"""Text that is put together has one form, however it is written."""

import pytest

from iot_pipeline_cfn.template.concatenation import concatenated

A, ARN, SELECT = {"Ref": "A"}, {"Fn::GetAtt": ["A", "Arn"]}, {"Fn::Select": [0, ["a"]]}


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([], ""),
        (["a", "", "b", 3], "ab3"),
        ([A], A),
        (["", A, ""], A),
        (["x-", A], {"Fn::Sub": "x-${A}"}),
        ([{"Fn::Sub": "x-${A}"}, "-y"], {"Fn::Sub": "x-${A}-y"}),
        ([{"Fn::Sub": ["${Own}/${A.Arn}", {"Own": "b"}]}], {"Fn::Sub": "b/${A.Arn}"}),
        ([ARN, "/*"], {"Fn::Sub": "${A.Arn}/*"}),
        (["a", SELECT, SELECT], {"Fn::Sub": ["a${1}${1}", {"1": SELECT}]}),
        ([{"Fn::Sub": "${!literal}"}], "${literal}"),
        (["${literal}", A], {"Fn::Sub": "${!literal}${A}"}),
    ],
)
def test_pieces_make_one_text(pieces, text):
    assert concatenated(pieces) == text
