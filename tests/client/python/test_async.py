"""The same for an event loop."""
import asyncio
import inspect
import time

import fintag
import pytest
from conftest import PATIENCE, TEXTS

pytestmark = pytest.mark.asyncio


def surface(kind):
    return {name: inspect.signature(member).parameters.keys() for name, member in inspect.getmembers(kind)
            if inspect.isfunction(member) and not name.startswith("_")}


async def test_the_surface_is_that_of_the_blocking_client():
    from fintag import aio, client
    for blocking, asynchronous in ((client.Client, aio.AsyncClient), (client.Job, aio.AsyncJob),
                                   (client.Datasets, aio.AsyncDatasets), (client.Models, aio.AsyncModels),
                                   (client.Jobs, aio.AsyncJobs)):
        assert surface(blocking) == surface(asynchronous)
    assert inspect.signature(client.Client) == inspect.signature(aio.AsyncClient)


async def test_the_loop(served, corpus, tmp_path):
    async with fintag.AsyncClient(served.address, timeout=30 * PATIENCE) as client:
        dataset = await client.upload("async", corpus[0][:60], corpus[1][:20])
        assert dataset == await client.datasets.get("async") and dataset in await client.datasets.list()
        job = await client.train(dataset=dataset, base="base", model="async", epochs=2, threads=1, learning_rate=2e-4)
        epochs = [epoch async for epoch in job.watch()]
        assert [epoch.epoch for epoch in epochs] == [1, 2] and epochs == job.epochs
        assert [e.name for e in await client.jobs.list()][0] == job.name
        result = await client.tag(TEXTS[0], model="async")
        assert result.model_version == job.model_version
        folder = await client.models.export("async", tmp_path / "async")
        version = await client.models.import_("async-again", folder)
        assert [(e.text, e.label) for e in await client.tag(TEXTS[0], model=version)] == [
            (e.text, e.label) for e in result]
        await client.models.delete("async-again")
        with pytest.raises(fintag.NotFound):
            await client.models.get("async-again")
        await (await client.jobs.get(job)).delete()
        await client.datasets.delete(dataset)


async def test_cancel_and_wait(served):
    async with fintag.AsyncClient(served.address) as client:
        job = await client.train(dataset="small", base="base", model="async-cancel", epochs=1000, threads=1)
        async for epoch in job.watch():
            assert epoch.epoch == 1
            break
        await job.cancel()
        with pytest.raises(fintag.JobCancelled):
            await job.wait()
        assert (await job.refresh()).state is fintag.JobState.CANCELLED


async def test_many_calls_at_once(served):
    async with fintag.AsyncClient(served.address) as client:
        results = await asyncio.gather(*(client.tag(TEXTS[number % 3], model="tagger") for number in range(24)))
        assert [result.text for result in results] == [TEXTS[number % 3] for number in range(24)]
        many = await client.tag(TEXTS * 30, model="tagger")
        assert [result.text for result in many] == TEXTS * 30


async def test_a_stream_from_an_asynchronous_source(served):
    read = 0

    async def texts():
        nonlocal read
        for number in range(400):
            read += 1
            await asyncio.sleep(0)
            yield f"Text {number} of Paris."
    async with fintag.AsyncClient(served.address) as client:
        number = 0
        async for result in client.tag_stream(texts(), model="tagger"):
            assert result.text == f"Text {number} of Paris." and read - number <= 5 * 64
            number += 1
        assert number == 400
        assert len([r async for r in client.tag_stream(TEXTS, model="tagger")]) == 3


async def test_the_loop_is_free_while_a_call_waits(served, corpus):
    async with fintag.AsyncClient(served.address) as client:
        longest, last = 0.0, time.monotonic()

        async def tick():
            nonlocal longest, last
            last = time.monotonic()
            while True:
                await asyncio.sleep(0.01)
                longest, last = max(longest, time.monotonic() - last), time.monotonic()

        def slow():
            for sentence in corpus[0][:20]:
                time.sleep(0.02)
                yield sentence
        ticking = asyncio.ensure_future(tick())
        await client.upload("slow", slow())
        ticking.cancel()
        assert longest < 0.25 * PATIENCE


async def test_errors_and_cancellation(served, tmp_path):
    bad = tmp_path / "bad.conll"
    bad.write_text("Acme\tB-ORG\nlonely\n", encoding="utf-8")
    async with fintag.AsyncClient(served.address) as client:
        with pytest.raises(fintag.InvalidArgument) as wrong:
            await client.upload("bad", bad)
        assert [(field.part, field.line) for field in wrong.value.fields] == [("train", 2)]
        with pytest.raises(fintag.NotFound):
            await client.tag("text", model="nothing")
        job = await client.train(dataset="small", base="base", model="async-left", epochs=1000, threads=1)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(job.wait(), 1)
        assert not (await job.refresh()).state.final
        await job.cancel()
    with pytest.raises(fintag.ConnectionFailed, match="localhost:1"):
        async with fintag.AsyncClient("localhost:1", retry_for=0) as nobody:
            await nobody.datasets.list()
