"""template.yaml against what the code expects of it, and against our own rules for what is deployed."""

from __future__ import annotations

import ast
import json
import tomllib
from dataclasses import fields
from typing import Any

import pytest
from fastapi.routing import APIRoute

from lambdas.api.routes import hooks
from lambdas.api.routes.sources import PREVIEW_SECONDS
from lambdas.api.services import REDCAP_SECONDS
from lambdas.api.settings import ApiSettings
from lambdas.history.schema import CURRENT, DIMENSIONS, FACTS
from lambdas.history.stream.handlers import CompactionSettings, HistoryStreamSettings
from lambdas.history.table import Type
from lambdas.notices.function import NoticeSettings
from lambdas.notices.self_tests import SelfTestSettings
from lambdas.schedule import ScheduleSettings
from lambdas.settings import StoreSettings
from lambdas.store.models import Tables, bind
from lambdas.store.runs.claims import CLAIM_SECONDS
from lambdas.sync_redcap import SyncSettings
from lambdas.write_back import WriteBackSettings
from tests.rigs.cloudformation import Resource, key_schema, load, resources, statements
from tests.structure.imports import ROOT

TEMPLATE = load()
RESOURCES: dict[str, Resource] = TEMPLATE["Resources"]
TABLES = dict(resources(TEMPLATE, "AWS::DynamoDB::Table"))
FUNCTIONS = dict(resources(TEMPLATE, "AWS::Serverless::Function"))
QUEUES = dict(resources(TEMPLATE, "AWS::SQS::Queue"))
ROLES = {
    name: role for name, role in resources(TEMPLATE, "AWS::IAM::Role") if name != "BackupRole"
}  # of functions
KEY = {"Fn::If": ["HasKmsKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]}

# What each function's entry point reads.
SETTINGS: dict[str, type[StoreSettings]] = {
    "ApiFunction": ApiSettings,
    "HistoryCompactionFunction": CompactionSettings,
    "HistoryStreamFunction": HistoryStreamSettings,
    "NoShowFunction": StoreSettings,
    "NoticeFunction": NoticeSettings,
    "ScheduleFunction": ScheduleSettings,
    "SelfTestFunction": SelfTestSettings,
    "SyncFunction": SyncSettings,
    "WriteBackFunction": WriteBackSettings,
}
NOT_SET_HERE = {"AWS_REGION", "AWS_ENDPOINT_URL", "APP_VERSION"}  # by Lambda; or only in the local stack
READ_BY_POWERTOOLS = {"POWERTOOLS_LOG_LEVEL", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_TRACE_DISABLED"}
READ_BY_OPEN_TELEMETRY = {"AWS_LAMBDA_EXEC_WRAPPER", "OTEL_EXPORTER_OTLP_ENDPOINT"}
CONSUMERS = [
    ("SyncFunction", "SyncQueue"),
    ("SyncFunction", "DueQueue"),
    ("WriteBackFunction", "WriteBackQueue"),
]
UNORDERED = [(function, queue) for function, queue in CONSUMERS if queue != "DueQueue"]


def properties(logical_id: str) -> Resource:
    found: Resource = RESOURCES[logical_id]["Properties"]
    return found


def role_of(function: str) -> Resource:
    return ROLES[properties(function)["Role"]["Fn::GetAtt"][0]]


def may(function: str, action: str, resource: Any) -> bool:
    return any(action in actions and resource in on for actions, on in statements(role_of(function)))


# ------------------------------------------------------------------ tables


def bound_models() -> list[tuple[str, Any]]:
    tables = bind("WorklistTable", "AccountsTable", "eu-central-1")
    models = [getattr(tables, field.name) for field in fields(Tables)]
    return [(model.Meta.table_name, model._get_schema()) for model in models]


def indexes_in_models(kind: str) -> dict[str, tuple[dict[str, str], str]]:
    return {
        index["index_name"]: (
            {key["KeyType"]: key["AttributeName"] for key in index["key_schema"]},
            index["projection"]["ProjectionType"],
        )
        for _, schema in bound_models()
        for index in schema[kind]
    }


def indexes_in_template(kind: str) -> dict[str, tuple[dict[str, str], str]]:
    return {
        index["IndexName"]: (key_schema(index), index["Projection"]["ProjectionType"])
        for index in properties("WorklistTable")[kind]
    }


def test_the_tables_have_the_keys_that_the_models_have() -> None:
    for table, schema in bound_models():
        keys = {key["KeyType"]: key["AttributeName"] for key in schema["key_schema"]}
        assert key_schema(properties(table)) == keys == {"HASH": "pk", "RANGE": "sk"}


@pytest.mark.parametrize(
    ("in_template", "in_models"),
    [
        ("LocalSecondaryIndexes", "local_secondary_indexes"),
        ("GlobalSecondaryIndexes", "global_secondary_indexes"),
    ],
)
def test_the_worklist_has_the_indexes_that_the_models_have(in_template: str, in_models: str) -> None:
    assert indexes_in_template(in_template) == indexes_in_models(in_models)


def test_the_feed_is_a_local_index_because_relays_read_it_consistently() -> None:
    assert indexes_in_template("LocalSecondaryIndexes") == {
        "feed": ({"HASH": "pk", "RANGE": "feed_seq"}, "ALL")
    }


@pytest.mark.parametrize("table", TABLES)
def test_a_table_declares_the_key_attributes_with_the_types_of_the_models(table: str) -> None:
    of_models = {
        (attribute["AttributeName"], attribute["AttributeType"])
        for name, schema in bound_models()
        if name == table
        for attribute in schema["attribute_definitions"]
    }
    assert of_models == {
        (attribute["AttributeName"], attribute["AttributeType"])
        for attribute in properties(table)["AttributeDefinitions"]
    }


@pytest.mark.parametrize("table", TABLES)
def test_a_table_cannot_be_lost_by_a_slip(table: str) -> None:
    # A first deployment that fails deletes what it made, and would leave an empty table otherwise.
    assert RESOURCES[table]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert RESOURCES[table]["UpdateReplacePolicy"] == "Retain"
    assert properties(table)["DeletionProtectionEnabled"] == {"Ref": "ProtectTables"}
    assert TEMPLATE["Parameters"]["ProtectTables"]["Default"] == "true"
    assert properties(table)["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    encryption = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}
    assert properties(table)["SSESpecification"] == encryption
    assert properties(table)["BillingMode"] == "PAY_PER_REQUEST"
    assert properties(table)["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


# --------------------------------------------------------------- functions


def test_every_function_is_known_here() -> None:
    assert set(FUNCTIONS) == set(SETTINGS)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_handler_exists(function: str) -> None:
    module, name = properties(function)["Handler"].rsplit(".", 1)
    file = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    assert file.is_file(), f"{function} names {module}, and there is no such module"
    assert name in _names_at_top(ast.parse(file.read_text(encoding="utf-8"))), f"{module} has no {name}"


def _names_at_top(module: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in module.body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(target.id for target in targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in node.names)
    return names


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_gets_every_setting_its_entry_point_has_and_nothing_else(function: str) -> None:
    expected = {name.upper() for name in SETTINGS[function].model_fields} - NOT_SET_HERE
    expected |= READ_BY_POWERTOOLS
    if function != "ApiFunction":  # the layer writes paths and queries of calls into its traces
        expected |= READ_BY_OPEN_TELEMETRY
    assert set(properties(function)["Environment"]["Variables"]) == expected


def test_functions_run_on_what_the_makefile_builds_for() -> None:
    chosen = set(FUNCTIONS) - {"HistoryCompactionFunction"}  # whose pyarrow asks for a newer glibc
    assert all(properties(name)["Runtime"] == {"Ref": "PythonRuntime"} for name in chosen)
    assert all(properties(name)["Architectures"] == [{"Ref": "Architecture"}] for name in chosen)
    own = properties("HistoryCompactionFunction")
    assert (own["Runtime"], own["Architectures"]) == ("python3.13", ["x86_64"])
    makefile = (ROOT / "Makefile").read_text("utf-8")
    parameters = TEMPLATE["Parameters"]
    assert f"TARGET_ARCH ?= {parameters['Architecture']['Default']}\n" in makefile
    assert f"TARGET_PYTHON ?= {parameters['PythonRuntime']['Default'].removeprefix('python')}\n" in makefile


def test_functions_can_run_on_every_python_that_the_project_supports() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    said = {f"python{each.rpartition(' ')[2]}" for each in project["classifiers"] if ":: 3." in each}
    assert said <= set(TEMPLATE["Parameters"]["PythonRuntime"]["AllowedValues"])


def test_all_functions_are_built_from_one_place_by_the_makefile() -> None:
    assert {properties(name)["CodeUri"] for name in FUNCTIONS} == {"."}
    assert {function["Metadata"]["BuildMethod"] for function in FUNCTIONS.values()} == {"makefile"}


def test_what_a_checker_is_told_to_leave_alone_has_its_reason() -> None:
    skipped = [
        each
        for resource in RESOURCES.values()
        for each in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]
    assert len(skipped) > 5
    assert [each["id"] for each in skipped if len(each["comment"]) < 20] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_logs_into_a_group_that_forgets(function: str) -> None:
    group = properties(function)["LoggingConfig"]["LogGroup"]["Ref"]
    assert "RetentionInDays" in properties(group)
    assert may(function, "logs:PutLogEvents", {"Fn::GetAtt": [group, "Arn"]})


# ------------------------------------------------------------------ rights


def test_every_function_has_a_role_of_its_own() -> None:
    # Without Role, SAM would add managed policies, which allow their actions on everything.
    roles = [properties(name)["Role"]["Fn::GetAtt"][0] for name in FUNCTIONS]
    assert sorted(roles) == sorted(ROLES)
    assert not [name for name in FUNCTIONS if "Policies" in properties(name)]
    assert not [name for name, role in ROLES.items() if "ManagedPolicyArns" in role["Properties"]]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_names_what_it_may_do_and_on_what(role: str) -> None:
    for actions, on in statements(ROLES[role]):
        assert not [action for action in actions if "*" in action]
        for resource in on:
            text = json.dumps(resource)
            # The one star there is stands for REDCap tokens, which the operator creates and names.
            # And the history's functions write files of many names.
            assert "*" not in text or "${SecretPrefix}redcap/*" in text or "${HistoryBucket.Arn}/" in text
            assert text.count("*") <= 1


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("queue", ["SyncQueue", "DueQueue", "WriteBackQueue"])
def test_who_knows_a_queue_may_send_to_it_and_nobody_else(function: str, queue: str) -> None:
    variables = properties(function)["Environment"]["Variables"].values()
    assert may(function, "sqs:SendMessage", {"Fn::GetAtt": [queue, "Arn"]}) == ({"Ref": queue} in variables)


def test_the_api_may_ask_every_index_of_the_worklist() -> None:
    indexes = [*indexes_in_template("LocalSecondaryIndexes"), *indexes_in_template("GlobalSecondaryIndexes")]
    on = [{"Fn::Sub": f"${{WorklistTable.Arn}}/index/{index}"} for index in indexes]
    assert [each for each in on if not may("ApiFunction", "dynamodb:Query", each)] == []


def test_the_notices_read_no_account_no_session_and_no_code() -> None:
    of_role = role_of("NoticeFunction")["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    on_accounts = [each for each in of_role if "AccountsTable" in json.dumps(each["Resource"])]
    keys = [each["Condition"]["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"] for each in on_accounts]
    assert keys == [["NOTICES", "NOTICE_LEDGERS", "RELAYS", "RELAY_HEALTH"]]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_only_the_api_reads_accounts_and_signing_keys(function: str) -> None:
    is_api = function == "ApiFunction"
    reads_accounts = may(function, "dynamodb:GetItem", {"Fn::GetAtt": ["AccountsTable", "Arn"]})
    assert reads_accounts == (is_api or function in {"NoticeFunction", "HistoryStreamFunction"})
    signing_key = {"Fn::GetAtt": ["SigningKeySecret", "Id"]}
    assert may(function, "secretsmanager:GetSecretValue", signing_key) == is_api


@pytest.mark.parametrize("function", [name for name in FUNCTIONS if name != "ApiFunction"])
def test_only_who_talks_to_redcap_reads_its_tokens(function: str) -> None:
    assert reads_tokens(role_of(function)) == (
        "REDCAP_SECRET_PREFIX" in properties(function)["Environment"]["Variables"]
    )


def reads_tokens(role: Resource) -> bool:
    return any(
        "secretsmanager:GetSecretValue" in actions and "redcap" in json.dumps(on)
        for actions, on in statements(role)
    )


def test_the_api_reads_redcaps_tokens_only_as_long_as_that_is_wanted() -> None:
    assert not reads_tokens(role_of("ApiFunction"))
    assert RESOURCES["ApiRedcapPolicy"]["Condition"] == "HasApiAsksRedcap"
    assert reads_tokens({"Properties": {"Policies": [properties("ApiRedcapPolicy")]}})


# ------------------------------------------------------- what hospitals ask for


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_runs_in_the_hospitals_network_with_its_key_if_asked_to(function: str) -> None:
    network = {"SubnetIds": {"Ref": "VpcSubnetIds"}, "SecurityGroupIds": {"Ref": "VpcSecurityGroupIds"}}
    assert properties(function)["VpcConfig"] == {"Fn::If": ["HasVpc", network, {"Ref": "AWS::NoValue"}]}
    assert properties(function)["KmsKeyArn"] == KEY


def test_one_key_encrypts_everything_that_is_kept() -> None:
    where = {
        "AWS::SecretsManager::Secret": "KmsKeyId",
        "AWS::SNS::Topic": "KmsMasterKeyId",
        "AWS::Backup::BackupVault": "EncryptionKeyArn",
    }
    for kind, name in where.items():
        assert [each["Properties"][name] for _, each in resources(TEMPLATE, kind)] == [KEY] * len(
            list(resources(TEMPLATE, kind))
        )
    logs = {"Fn::If": ["HasLogKmsKey", {"Ref": "LogKmsKeyArn"}, KEY]}
    groups = [each["Properties"] for _, each in resources(TEMPLATE, "AWS::Logs::LogGroup")]
    assert [each["KmsKeyId"] for each in groups] == [logs] * len(groups)


@pytest.mark.parametrize("domain", ["Domain", "RelayDomain"])
def test_an_own_name_takes_tls_1_2_or_newer(domain: str) -> None:
    [said] = properties(domain)["DomainNameConfigurations"]
    assert (said["SecurityPolicy"], said["EndpointType"]) == ("TLS_1_2", "REGIONAL")


def test_the_relays_own_name_asks_for_client_certificates_and_peoples_does_not() -> None:
    asked = {"TruststoreUri": {"Ref": "RelayTruststoreUri"}}
    assert properties("RelayDomain")["MutualTlsAuthentication"] == asked
    assert "MutualTlsAuthentication" not in properties("Domain")


OFF = {
    "KmsKeyArn": "",
    "VpcSubnetIds": "",
    "DomainName": "",
    "RelayDomainName": "",
    "DefaultEndpoint": "on",
    "ApiReservedConcurrency": 0,
    "SyncReservedConcurrency": 0,
    "BackupSchedule": "",
    "Tracing": "off",
}


def test_nothing_of_this_is_on_unless_asked_for() -> None:
    assert {name: TEMPLATE["Parameters"][name]["Default"] for name in OFF} == OFF


def test_both_tables_are_backed_up_and_each_month_a_restore_is_tried() -> None:
    tables = [{"Fn::GetAtt": ["WorklistTable", "Arn"]}, {"Fn::GetAtt": ["AccountsTable", "Arn"]}]
    assert properties("BackupSelection")["BackupSelection"]["Resources"] == tables
    assert properties("RestoreTestSelection")["ProtectedResourceArns"] == tables
    backups = [each for _, each in RESOURCES.items() if each["Type"].startswith("AWS::Backup::")]
    assert {each["Condition"] for each in backups} == {"HasBackups"}
    assert RESOURCES["BackupVault"]["DeletionPolicy"] == "RetainExceptOnCreate"


# ------------------------------------------------------------------ queues


@pytest.mark.parametrize("queue", QUEUES)
def test_a_queue_is_encrypted_and_refuses_plain_http(queue: str) -> None:
    # SQS takes one of both: its own keys, or a key of the operator's.
    assert properties(queue)["SqsManagedSseEnabled"] == {"Fn::If": ["HasKmsKey", False, True]}
    assert properties(queue)["KmsMasterKeyId"] == KEY
    policies = [
        policy["Properties"]["PolicyDocument"]["Statement"][0]
        for _, policy in resources(TEMPLATE, "AWS::SQS::QueuePolicy")
        if policy["Properties"]["Queues"] == [{"Ref": queue}]
    ]
    assert policies == [
        {
            "Sid": "OnlyOverTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": {"Fn::GetAtt": [queue, "Arn"]},
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ]


@pytest.mark.parametrize(("function", "queue"), CONSUMERS)
def test_a_message_that_keeps_failing_ends_where_an_alarm_sees_it(function: str, queue: str) -> None:
    dead_letters = properties(queue)["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
    watched = [
        alarm["Properties"]["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for _, alarm in resources(TEMPLATE, "AWS::CloudWatch::Alarm")
        if alarm["Properties"].get("Namespace") == "AWS/SQS"
    ]
    assert dead_letters in watched


@pytest.mark.parametrize(("function", "queue"), UNORDERED)
def test_a_message_stays_hidden_for_six_times_its_functions_timeout(function: str, queue: str) -> None:
    assert properties(queue)["VisibilityTimeout"] >= 6 * properties(function)["Timeout"]


@pytest.mark.parametrize(("function", "queue"), CONSUMERS)
def test_one_bad_message_does_not_bring_back_the_others(function: str, queue: str) -> None:
    events = [event["Properties"] for event in properties(function)["Events"].values()]
    [event] = [event for event in events if event["Queue"] == {"Fn::GetAtt": [queue, "Arn"]}]
    assert event["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    at_once = event["ScalingConfig"]["MaximumConcurrency"]
    least = TEMPLATE["Parameters"][at_once["Ref"]]["MinValue"] if isinstance(at_once, dict) else at_once
    assert least >= 2  # AWS takes no less
    for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
        assert may(function, f"sqs:{action}", {"Fn::GetAtt": [queue, "Arn"]})


def test_a_sync_takes_one_source_at_a_time() -> None:
    events = properties("SyncFunction")["Events"].values()
    assert [event["Properties"]["BatchSize"] for event in events] == [1, 1]


def test_a_due_message_is_gone_when_its_claim_lapses_and_its_group_waits_only_while_it_is_worked_on() -> None:
    queue, timeout = properties("DueQueue"), properties("SyncFunction")["Timeout"]
    assert queue["FifoQueue"] is properties("DueDeadLetterQueue")["FifoQueue"] is True
    assert queue["MessageRetentionPeriod"] == CLAIM_SECONDS
    assert timeout < queue["VisibilityTimeout"] < 1.5 * timeout
    # One that kills the function ends where an alarm sees it, before it is dropped.
    assert queue["VisibilityTimeout"] * queue["RedrivePolicy"]["maxReceiveCount"] < CLAIM_SECONDS


# --------------------------------------------------------------------- API


def test_the_access_log_has_no_path_and_no_query_string() -> None:
    # A path may carry a trigger's secret, a query string a participant's identifier.
    assert json.loads(properties("ApiStage")["AccessLogSettings"]["Format"]) == {
        name: f"$context.{name}"
        for name in (
            "requestId",
            "httpMethod",
            "routeKey",
            "status",
            "responseLatency",
            "integrationErrorMessage",
        )
    }


def throttle(settings: Resource, name: str) -> float:
    """Return what a throttle is unless the operator says otherwise."""
    return float(TEMPLATE["Parameters"][settings[name]["Ref"]]["Default"])


@pytest.mark.parametrize("name", ["ThrottlingRateLimit", "ThrottlingBurstLimit"])
def test_the_api_is_throttled_by_parameters_that_cannot_be_nothing(name: str) -> None:
    for settings in (
        properties("ApiStage")["DefaultRouteSettings"],
        *properties("ApiStage")["RouteSettings"].values(),
    ):
        assert throttle(settings, name) >= TEMPLATE["Parameters"][settings[name]["Ref"]]["MinValue"] == 1


def test_the_data_entry_trigger_has_a_route_and_a_throttle_of_its_own() -> None:
    route = "POST /hooks/redcap/{source_id}/{secret}"
    assert properties("DataEntryTriggerRoute")["RouteKey"] == route
    assert RESOURCES["ApiStage"]["DependsOn"] == "DataEntryTriggerRoute"
    assert route.partition(" ")[2] in {
        each.path for each in hooks.router.routes if isinstance(each, APIRoute)
    }
    own = throttle(properties("ApiStage")["RouteSettings"][route], "ThrottlingRateLimit")
    assert own < throttle(properties("ApiStage")["DefaultRouteSettings"], "ThrottlingRateLimit")


def test_every_route_leads_to_the_api_function_which_the_api_may_call() -> None:
    routes = [each["Properties"] for _, each in resources(TEMPLATE, "AWS::ApiGatewayV2::Route")]
    assert "$default" in {route["RouteKey"] for route in routes}
    assert all(route["Target"] == {"Fn::Sub": "integrations/${ApiIntegration}"} for route in routes)
    integration = properties("ApiIntegration")
    at = {"Fn::GetAtt": ["ApiFunction", "Arn"]}
    assert integration["IntegrationUri"] == {"Fn::If": ["HasSnapStart", {"Ref": "ApiAlias"}, at]}
    assert integration["PayloadFormatVersion"] == "2.0"
    permission = properties("ApiPermission")
    called = {"Fn::If": ["HasSnapStart", {"Ref": "ApiAlias"}, {"Ref": "ApiFunction"}]}
    assert permission["FunctionName"] == called
    assert permission["SourceArn"]["Fn::Sub"].endswith(":${Api}/*")


def test_a_preview_begins_nothing_that_would_outlast_the_api() -> None:
    assert properties("ApiFunction")["Timeout"] > PREVIEW_SECONDS + REDCAP_SECONDS


def test_the_first_signing_key_is_drawn_by_aws_and_has_the_agreed_form() -> None:
    generated = properties("SigningKeySecret")["GenerateSecretString"]
    assert json.loads(generated["SecretStringTemplate"]) == {"kid": "1", "previous": {}}
    assert generated["GenerateStringKey"] == "secret"
    assert generated["PasswordLength"] >= 32  # RFC 7518 3.2


# ----------------------------------------------------------------- history

GLUE: dict[Type, str] = {
    "text": "string",
    "int": "bigint",
    "float": "double",
    "bool": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}
HISTORY = {name: each for name, each in RESOURCES.items() if name.startswith("History")}


@pytest.mark.parametrize("table", [*FACTS, *CURRENT, *DIMENSIONS], ids=lambda table: table.name)
def test_glue_knows_the_tables_of_the_history_as_they_are(table: Any) -> None:
    [described] = [
        each["Properties"]["TableInput"]
        for _, each in resources(TEMPLATE, "AWS::Glue::Table")
        if each["Properties"]["TableInput"]["Name"] == table.name
    ]
    columns = [(each["Name"], each["Type"]) for each in described["StorageDescriptor"]["Columns"]]
    assert columns == [(column.name, GLUE[column.type]) for column in table.columns]
    partitions = [{"Name": "period", "Type": "string"}] if table.parts else None
    assert described.get("PartitionKeys") == partitions


@pytest.mark.parametrize("name", HISTORY)
def test_nothing_of_the_history_is_made_unless_it_is_on(name: str) -> None:
    assert HISTORY[name].get("Condition") == "HasHistory"
    assert TEMPLATE["Parameters"]["History"]["Default"] == "off"


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_a_stream_only_if_the_history_is_on(table: str) -> None:
    asked = ["HasHistory", {"StreamViewType": "NEW_AND_OLD_IMAGES"}, {"Ref": "AWS::NoValue"}]
    assert properties(table)["StreamSpecification"] == {"Fn::If": asked}


def test_of_the_accounts_only_heartbeats_reach_the_history() -> None:
    source = properties("HistoryStreamFunction")["Events"]["Heartbeats"]["Properties"]
    [pattern] = source["FilterCriteria"]["Filters"]
    assert json.loads(pattern["Pattern"]) == {"dynamodb": {"Keys": {"pk": {"S": ["RELAY_HEALTH"]}}}}
    assert properties("WorklistTable")["KeySchema"][0]["AttributeName"] == "pk"


def test_the_historys_bucket_is_private_encrypted_and_refuses_plain_http() -> None:
    bucket = properties("HistoryBucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert json.dumps(bucket["BucketEncryption"]).count("aws:kms") == 1
    statement = properties("HistoryBucketPolicy")["PolicyDocument"]["Statement"][0]
    assert (statement["Effect"], statement["Condition"]) == (
        "Deny",
        {"Bool": {"aws:SecureTransport": "false"}},
    )


def test_only_the_compaction_reads_facts_and_states() -> None:
    denied = properties("HistoryBucketPolicy")["PolicyDocument"]["Statement"][1]
    role = {"Fn::GetAtt": ["HistoryCompactionRole", "Arn"]}
    assert denied["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": role}}
    assert [each["Fn::Sub"] for each in denied["Resource"]] == [
        "${HistoryBucket.Arn}/staged/*",
        "${HistoryBucket.Arn}/state/*",
    ]


def test_a_question_to_athena_is_stopped_when_it_reads_too_much() -> None:
    configured = properties("HistoryWorkgroup")["WorkGroupConfiguration"]
    assert configured["BytesScannedCutoffPerQuery"] == {"Ref": "HistoryBytesPerQuery"}
    assert configured["EnforceWorkGroupConfiguration"] is True
