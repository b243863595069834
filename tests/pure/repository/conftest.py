"""The translated template, for the tests of template.yaml."""

import pytest
from samcli.lib.translate.sam_template_validator import SamTemplateValidator
from samcli.yamlhelper import yaml_parse

from tests.pure.repository.template import ROOT, Json


class NoManagedPolicies:
    """An empty list of managed policies."""

    def load(self) -> dict[str, str]:
        return {}


@pytest.fixture(scope="session")
def translated() -> Json:
    """Return the CloudFormation resources that SAM generates."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    validator = SamTemplateValidator(template, NoManagedPolicies(), region="us-east-1")
    found: Json = yaml_parse(validator.get_translated_template_if_valid())["Resources"]
    return found
