"""Functions that create one more consumer of a quota, and return its name or ID."""

from checkout import REGION

ENVIRONMENT_TAG = "iot-pipeline:environment"
STACK_TAG = "aws:cloudformation:stack-name"


def tags_of(environment):
    """Return the tags that the resources of an environment's stack have."""
    return {ENVIRONMENT_TAG: environment, STACK_TAG: f"iot-pipeline-{environment}"}


def tag_list(tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def elastic_ip(aws):
    return aws("ec2").allocate_address(Domain="vpc")["AllocationId"]


def vpc(aws):
    return aws("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]


def own_vpc(aws):
    """Return the VPC of the environment dev, which is created at the first call."""
    ec2 = aws("ec2")
    named = [{"Name": f"tag:{ENVIRONMENT_TAG}", "Values": ["dev"]}]
    if found := ec2.describe_vpcs(Filters=named)["Vpcs"]:
        return found[0]["VpcId"]
    created = vpc(aws)
    ec2.create_tags(Resources=[created], Tags=tag_list(tags_of("dev")))
    return created


def internet_gateway(aws):
    return aws("ec2").create_internet_gateway()["InternetGateway"]["InternetGatewayId"]


def subnet(aws):
    created = aws("ec2").create_subnet(
        VpcId=vpc(aws), CidrBlock="10.0.1.0/24", AvailabilityZone="ap-northeast-1a"
    )
    return created["Subnet"]["SubnetId"]


def nat_gateway(aws):
    created = aws("ec2").create_nat_gateway(SubnetId=subnet(aws), AllocationId=elastic_ip(aws))
    return created["NatGateway"]["NatGatewayId"]


def vpc_endpoint(aws, network=None, kind="Interface"):
    created = aws("ec2").create_vpc_endpoint(
        VpcId=network or own_vpc(aws),
        VpcEndpointType=kind,
        ServiceName=f"com.amazonaws.{REGION}.{'s3' if kind == 'Gateway' else 'logs'}",
    )
    return created["VpcEndpoint"]["VpcEndpointId"]


def load_balancer(aws, kind="application", tags=()):
    client = aws("elbv2")
    name = f"balancer-{len(client.describe_load_balancers()['LoadBalancers'])}"
    tagged = {"Tags": tag_list(tags)} if tags else {}
    client.create_load_balancer(Name=name, Type=kind, Subnets=[subnet(aws)], **tagged)
    return name


def db_instance(aws, tags=(), **properties):
    client = aws("rds")
    name = f"database-{len(client.describe_db_instances()['DBInstances'])}"
    client.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="somebody",
        MasterUserPassword="made-up-password",
        Tags=tag_list(dict(tags)),
        **properties,
    )
    return name


def cache_cluster(aws, tags=()):
    client = aws("elasticache")
    name = f"cache-{len(client.describe_cache_clusters()['CacheClusters'])}"
    client.create_cache_cluster(
        CacheClusterId=name,
        CacheNodeType="cache.t4g.micro",
        Engine="redis",
        NumCacheNodes=1,
        Tags=tag_list(dict(tags)),
    )
    return name


def rest_api(aws, kind="REGIONAL", tags=()):
    created = aws("apigateway").create_rest_api(
        name="api", endpointConfiguration={"types": [kind]}, tags=dict(tags)
    )
    return created["id"]


def db_parameter_group(aws):
    client = aws("rds")
    name = f"group-{len(client.describe_db_parameter_groups()['DBParameterGroups'])}"
    client.create_db_parameter_group(
        DBParameterGroupName=name, DBParameterGroupFamily="postgres16", Description="any"
    )
    return name


def security_group(aws):
    client = aws("ec2")
    name = f"group-{len(client.describe_security_groups()['SecurityGroups'])}"
    return client.create_security_group(GroupName=name, Description="any")["GroupId"]


def usage_plan(aws):
    return aws("apigateway").create_usage_plan(name="any")["id"]


def iam_role(aws):
    client = aws("iam")
    name = f"role-{len(client.list_roles()['Roles'])}"
    return client.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["RoleName"]


MAKERS = {
    "cache-nodes": cache_cluster,
    "db-instances": db_instance,
    "db-parameter-groups": db_parameter_group,
    "elastic-ips": elastic_ip,
    "iam-roles": iam_role,
    "interface-endpoints": vpc_endpoint,
    "internet-gateways": internet_gateway,
    "load-balancers": load_balancer,
    "nat-gateways": nat_gateway,
    "rest-apis": rest_api,
    "security-groups": security_group,
    "usage-plans": usage_plan,
    "vpcs": vpc,
}

NEEDED = {
    "cache-nodes": "Cache",
    "db-instances": "Database",
    "db-parameter-groups": "DatabaseParameterGroup",
    "elastic-ips": "NatElasticIp1",
    "iam-roles": "TaskRole",
    "interface-endpoints": "LogsEndpoint",
    "internet-gateways": "InternetGateway",
    "load-balancers": "LoadBalancer",
    "nat-gateways": "NatGateway1",
    "rest-apis": "RestApi",
    "security-groups": "ContainerSecurityGroup",
    "usage-plans": "UsagePlan",
    "vpcs": "Vpc",
}
"""The resource of the template that needs each quota."""
