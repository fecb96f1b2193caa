"""Rules for cfn-lint: failures that a template shows, in any stack.

    cfn-lint --append-rules src/iot_pipeline_cfn/rules -- template.yaml

They import cfn-lint only, so the directory works anywhere. docs/rules.md describes them.
"""
