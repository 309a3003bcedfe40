"""Glue crawlers."""

from __future__ import annotations

from tests.contract.local_aws.examples import Request, World, example


def definition(world: World) -> Request:
    place = world.object("sales/dt=2026-01-15/a.csv", b"name,amount\nx,1\ny,2\n")
    return {
        "Role": world.role(),
        "DatabaseName": world.name("db").replace("-", "_"),
        "Targets": {"S3Targets": [{"Path": f"s3://{place['Bucket']}/sales/"}]},
    }


def crawler(world: World) -> str:
    name = world.name("crawler")
    world.client("glue").create_crawler(Name=name, **definition(world), Tags={"team": "ml"})
    return name


@example("glue", "CreateCrawler")
def create_crawler(world: World) -> Request:
    return {"Name": world.name("crawler"), **definition(world)}


@example("glue", "UpdateCrawler")
def update_crawler(world: World) -> Request:
    return {"Name": crawler(world), "Description": "sees more"}


@example("glue", "GetCrawler")
def get_crawler(world: World) -> Request:
    return {"Name": crawler(world)}


@example("glue", "GetCrawlers")
def get_crawlers(world: World) -> Request:
    crawler(world)
    return {"MaxResults": 1}


@example("glue", "ListCrawlers")
def list_crawlers(world: World) -> Request:
    crawler(world)
    return {"Tags": {"team": "ml"}}


@example("glue", "BatchGetCrawlers")
def batch_get_crawlers(world: World) -> Request:
    return {"CrawlerNames": [crawler(world), "nobody"]}


@example("glue", "GetCrawlerMetrics")
def get_crawler_metrics(world: World) -> Request:
    return {"CrawlerNameList": [crawler(world)]}


@example("glue", "DeleteCrawler")
def delete_crawler(world: World) -> Request:
    return {"Name": crawler(world)}


@example("glue", "StartCrawler")
def start_crawler(world: World) -> Request:
    return {"Name": crawler(world)}


@example("glue", "StopCrawler")
def stop_crawler(world: World) -> Request:
    name = world.name("crawler")
    made = definition(world)
    bucket = made["Targets"]["S3Targets"][0]["Path"].split("/")[2]
    for number in range(300):  # enough to be still at work when the Stop comes
        world.client("s3").put_object(
            Bucket=bucket, Key=f"sales/dt=2026-01-15/{number}.csv", Body=b"name,amount\n" + b"x,1\n" * 20_000
        )
    world.client("glue").create_crawler(Name=name, **made)
    world.client("glue").start_crawler(Name=name)
    return {"Name": name}
