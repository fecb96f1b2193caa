"""RDS for PostgreSQL, whose master password RDS itself keeps and rotates."""

from dataclasses import dataclass
from types import MappingProxyType

from troposphere import FindInMap, GetAtt, If, NoValue, Sub, Template
from troposphere.iam import Role
from troposphere.rds import DBInstance, DBParameterGroup, DBSubnetGroup, MasterUserSecret

from .context import Environment
from .encryption import Encryption
from .naming import tags
from .network import Network
from .policies import trust_policy
from .sections import add_choice, add_output
from .security_groups import DATABASE_PORT, SecurityGroups

COMPONENT = "database"
DATABASE_NAME = "iotdb"
ENGINE_VERSION = "16.15"
"""Minor upgrades come by themselves. Raised to less than AWS has upgraded to, an update fails."""

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
"""The instance classes on offer, each with about 80 % of its `max_connections`, which is its
memory in bytes by 9,531,392 less what the system takes
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html)."""


@dataclass(frozen=True)
class Database:
    """The database instance, and the connections above which it is close to its limit."""

    instance: DBInstance
    connections_alarm: FindInMap

    def secret_arn(self) -> GetAtt:
        """Return the ARN of the secret with keys `username` and `password`."""
        return self.instance.get_att("MasterUserSecret.SecretArn")


def add_database(
    template: Template,
    *,
    environment: Environment,
    encryption: Encryption,
    network: Network,
    security_groups: SecurityGroups,
) -> Database:
    """Add the database instance in the private subnets."""
    instance_class = add_choice(
        template,
        "DatabaseInstanceClass",
        list(CONNECTIONS_ALARM),
        default="db.t4g.micro",
        description="Size of the database.",
        group="Database",
        label="Instance class",
    )
    template.add_mapping(
        "DatabaseInstanceClasses",
        {name: {"ConnectionsAlarm": limit} for name, limit in CONNECTIONS_ALARM.items()},
    )
    subnet_group = template.add_resource(
        DBSubnetGroup(
            "DatabaseSubnetGroup",
            DBSubnetGroupDescription="Private subnets",
            SubnetIds=[subnet.ref() for subnet in network.private_subnets],
            Tags=tags(environment.suffix, "database", component=COMPONENT),
        )
    )
    parameter_group = template.add_resource(
        DBParameterGroup(
            "DatabaseParameterGroup",
            Description="TLS only",
            Family=f"postgres{ENGINE_VERSION.partition('.')[0]}",
            Parameters={"rds.force_ssl": "1"},
            Tags=tags(environment.suffix, "database", component=COMPONENT),
        )
    )
    monitoring_role = template.add_resource(
        Role(
            "DatabaseMonitoringRole",
            AssumeRolePolicyDocument=trust_policy("monitoring.rds"),
            Condition=environment.has_detailed_monitoring,
            ManagedPolicyArns=[
                Sub(
                    "arn:${AWS::Partition}:iam::aws:policy/service-role/"
                    "AmazonRDSEnhancedMonitoringRole"
                )
            ],
            Tags=tags(environment.suffix, "database-monitoring", component=COMPONENT),
        )
    )
    kept = If(environment.is_protected, "Snapshot", "Delete")
    detailed = environment.has_detailed_monitoring
    instance = template.add_resource(
        DBInstance(
            "Database",
            DeletionPolicy=kept,
            UpdateReplacePolicy=kept,
            AllocatedStorage=str(STORAGE_GB),
            AutoMinorVersionUpgrade=True,
            BackupRetentionPeriod=If(environment.is_protected, BACKUP_DAYS, 0),
            CopyTagsToSnapshot=True,
            DBInstanceClass=instance_class.ref(),
            DBName=DATABASE_NAME,
            DBParameterGroupName=parameter_group.ref(),
            DBSubnetGroupName=subnet_group.ref(),
            DatabaseInsightsMode=If(detailed, "advanced", "standard"),
            DeletionProtection=If(environment.has_deletion_protection, True, False),
            # RDS writes to log groups of its own, which outlive the stack.
            EnableCloudwatchLogsExports=If(
                environment.is_protected, ["postgresql", "upgrade"], NoValue
            ),
            EnableIAMDatabaseAuthentication=True,
            EnablePerformanceInsights=If(detailed, True, False),
            Engine="postgres",
            EngineVersion=ENGINE_VERSION,
            KmsKeyId=encryption.key_arn(),
            ManageMasterUserPassword=True,
            MasterUserSecret=If(
                encryption.uses_customer_key,
                MasterUserSecret(KmsKeyId=encryption.key.get_att("Arn")),
                NoValue,
            ),
            MasterUsername="iot",
            MaxAllocatedStorage=STORAGE_LIMIT_GB,
            MonitoringInterval=If(detailed, 60, 0),
            MonitoringRoleArn=If(detailed, monitoring_role.get_att("Arn"), NoValue),
            MultiAZ=If(environment.is_multi_zone, True, False),
            PerformanceInsightsKMSKeyId=If(detailed, encryption.key_arn(), NoValue),
            # Fifteen months, the least that the advanced mode of Database Insights takes.
            PerformanceInsightsRetentionPeriod=If(detailed, 465, NoValue),
            Port=str(DATABASE_PORT),
            PubliclyAccessible=False,
            StorageEncrypted=True,
            StorageType="gp3",
            Tags=tags(environment.suffix, "database", component=COMPONENT),
            VPCSecurityGroups=[security_groups.database.ref()],
        )
    )
    database = Database(
        instance=instance,
        connections_alarm=FindInMap(
            "DatabaseInstanceClasses", instance_class.ref(), "ConnectionsAlarm"
        ),
    )
    for name, description, value in (
        ("DatabaseInstanceId", "Identifier of the database instance.", instance.ref()),
        (
            "DatabaseEndpointAddress",
            "Database's host name.",
            instance.get_att("Endpoint.Address"),
        ),
        ("DatabaseEndpointPort", "Database's port.", instance.get_att("Endpoint.Port")),
        ("DatabaseName", "Name of the database in the instance.", DATABASE_NAME),
        ("DatabaseSecretArn", "Secret with username and password.", database.secret_arn()),
    ):
        add_output(template, name, description, value)
    return database
