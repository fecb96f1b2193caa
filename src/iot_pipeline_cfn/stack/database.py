"""The PostgreSQL database, the credentials of its master user and those of the application.

RDS manages and rotates the password of the master user, who may do everything in the database. Only
the migration gets it. The application logs in as a role that the migration creates.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from troposphere import FindInMap, GetAtt, Sub
from troposphere.iam import Role
from troposphere.rds import DBInstance, DBParameterGroup, MasterUserSecret
from troposphere.secretsmanager import GenerateSecretString, Secret

from .context import Context
from .network import Network
from .policies import trust_policy
from .security_groups import DATABASE_PORT, SecurityGroups

APPLICATION_USERNAME = "processor"
DATABASE_NAME = "iotdb"
ENGINE_VERSION = "16.15"
"""RDS applies minor upgrades automatically. An older version than the running one fails."""

STORAGE_GB = 20
STORAGE_LIMIT_GB = 100
BACKUP_DAYS = 7

CONNECTIONS_ALARM = MappingProxyType(
    {
        "db.t4g.micro": 70,
        "db.t4g.small": 150,
        "db.t4g.medium": 320,
        "db.t4g.large": 640,
        "db.m7g.large": 640,
        "db.r7g.large": 1280,
    }
)
"""The instance classes to choose from, each with about 80 % of its `max_connections`: its memory
in bytes without the operating system's, divided by 9,531,392
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html)."""


PASSWORD: Mapping[str, Any] = MappingProxyType({"ExcludePunctuation": True, "PasswordLength": 64})
"""The application's password, as Secrets Manager generates it."""


@dataclass(frozen=True)
class Database:
    """The database instance, and the number of connections at which an alarm is raised.

    Both secrets have the keys `username` and `password`.
    """

    instance: DBInstance
    application_secret: Secret
    connections_alarm: FindInMap

    def secret_arn(self) -> GetAtt:
        """Return the ARN of the master user's secret."""
        return self.instance.get_att("MasterUserSecret.SecretArn")


def add_database(
    context: Context, *, network: Network, security_groups: SecurityGroups
) -> Database:
    """Add the database instance in the private subnets."""
    instance_class = context.add_choice(
        "DatabaseInstanceClass",
        list(CONNECTIONS_ALARM),
        default="db.t4g.micro",
        description="Size of the database.",
        label="Instance class",
    )
    context.template.add_mapping(
        "DatabaseInstanceClasses",
        {name: {"ConnectionsAlarm": limit} for name, limit in CONNECTIONS_ALARM.items()},
    )
    parameter_group = context.add(
        DBParameterGroup(
            "DatabaseParameterGroup",
            Description="TLS only",
            Family=f"postgres{ENGINE_VERSION.partition('.')[0]}",
            Parameters={"rds.force_ssl": "1"},
        )
    )
    monitoring_role = context.add(
        Role(
            "DatabaseMonitoringRole",
            AssumeRolePolicyDocument=trust_policy("monitoring.rds"),
            Condition=context.has_detailed_monitoring,
            ManagedPolicyArns=[
                Sub(
                    "arn:${AWS::Partition}:iam::aws:policy/service-role/"
                    "AmazonRDSEnhancedMonitoringRole"
                )
            ],
        )
    )
    policy = context.is_protected.choose("Snapshot", "Delete")
    detailed = context.has_detailed_monitoring
    instance = context.add(
        DBInstance(
            "Database",
            DeletionPolicy=policy,
            UpdateReplacePolicy=policy,
            AllocatedStorage=str(STORAGE_GB),
            AutoMinorVersionUpgrade=True,
            BackupRetentionPeriod=context.is_protected.choose(BACKUP_DAYS, 0),
            CopyTagsToSnapshot=True,
            DBInstanceClass=instance_class.ref(),
            DBName=DATABASE_NAME,
            DBParameterGroupName=parameter_group.ref(),
            DBSubnetGroupName=network.database_subnet_group,
            DatabaseInsightsMode=detailed.choose("advanced", "standard"),
            DeletionProtection=context.has_deletion_protection.as_bool(),
            # RDS creates the log groups itself, and they outlive the stack.
            EnableCloudwatchLogsExports=context.is_protected.choose(["postgresql", "upgrade"]),
            # It needs 300 to 1000 MiB of memory besides what the database uses
            # (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html).
            EnableIAMDatabaseAuthentication=False,
            EnablePerformanceInsights=detailed.as_bool(),
            Engine="postgres",
            # The default enrols in Extended Support, which costs and cannot be left later
            # (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/extended-support.html).
            EngineLifecycleSupport="open-source-rds-extended-support-disabled",
            EngineVersion=ENGINE_VERSION,
            KmsKeyId=context.encryption.key_arn(),
            ManageMasterUserPassword=True,
            MasterUserSecret=context.encryption.is_customer_managed.choose(
                MasterUserSecret(KmsKeyId=context.encryption.key.get_att("Arn"))
            ),
            MasterUsername="iot",
            MaxAllocatedStorage=STORAGE_LIMIT_GB,
            MonitoringInterval=detailed.choose(60, 0),
            MonitoringRoleArn=detailed.choose(monitoring_role.get_att("Arn")),
            MultiAZ=context.is_multi_zone.as_bool(),
            PerformanceInsightsKMSKeyId=detailed.choose(context.encryption.key_arn()),
            # Days: the 15 months that the advanced mode of Database Insights requires.
            PerformanceInsightsRetentionPeriod=detailed.choose(465),
            Port=str(DATABASE_PORT),
            PubliclyAccessible=False,
            StorageEncrypted=True,
            StorageType="gp3",
            VPCSecurityGroups=[security_groups.database.ref()],
        )
    )
    application_secret = context.add(
        Secret(
            "ApplicationSecret",
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
            Description="Role of the application in the database",
            GenerateSecretString=GenerateSecretString(
                GenerateStringKey="password",
                SecretStringTemplate=json.dumps({"username": APPLICATION_USERNAME}),
                **PASSWORD,
            ),
            KmsKeyId=context.encryption.key_arn(),
        )
    )
    database = Database(
        instance=instance,
        application_secret=application_secret,
        connections_alarm=FindInMap(
            "DatabaseInstanceClasses", instance_class.ref(), "ConnectionsAlarm"
        ),
    )
    for name, description, value in (
        ("DatabaseInstanceId", "Identifier of the database instance.", instance.ref()),
        ("DatabaseEndpointAddress", "Database's host name.", instance.get_att("Endpoint.Address")),
        ("DatabaseEndpointPort", "Database's port.", instance.get_att("Endpoint.Port")),
        ("DatabaseName", "Name of the database in the instance.", DATABASE_NAME),
        ("DatabaseSecretArn", "Secret of the master user.", database.secret_arn()),
        ("ApplicationSecretArn", "Secret of the application.", application_secret.ref()),
    ):
        context.add_output(name, description, value)
    return database
