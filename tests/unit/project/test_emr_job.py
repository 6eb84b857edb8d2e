"""The job definition for EMR Serverless, held against AWS's own description of the request."""

from __future__ import annotations

import json

import boto3
from botocore.validate import ParamValidator

from lambdas.history.questions import questions
from tests.structure.imports import ROOT

JOB = json.loads((ROOT / "infra/history/emr-serverless-job.json").read_text("utf-8"))


def test_aws_would_take_the_job() -> None:
    client = boto3.client("emr-serverless", region_name="eu-central-1")
    shape = client.meta.service_model.operation_model("StartJobRun").input_shape
    assert ParamValidator().validate(JOB, shape).generate_report() == ""


def test_it_asks_a_question_that_there_is() -> None:
    assert JOB["jobDriver"]["sparkSubmit"]["entryPointArguments"][0] in questions()
