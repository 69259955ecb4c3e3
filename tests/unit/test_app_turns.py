"""Each person's requests wait for one another, and for nobody else's."""

import asyncio
import gc

from truceline.app.http.turns import EACH, Turns


def test_one_person_s_requests_wait_for_one_another_and_not_for_anothers():
    async def ask():
        turns, release, at_work = Turns(), asyncio.Event(), []

        async def work(who, number):
            async with turns.of(who):
                at_work.append((who, number))
                await release.wait()

        many = [asyncio.create_task(work("a", n)) for n in range(5)]
        await asyncio.sleep(0)
        one = asyncio.create_task(work("b", 0))
        await asyncio.sleep(0)
        seen = list(at_work)
        release.set()
        await asyncio.gather(*many, one)
        return seen, at_work

    seen, at_work = asyncio.run(ask())
    assert seen == [*(("a", n) for n in range(EACH)), ("b", 0)]
    assert [number for who, number in at_work if who == "a"] == list(range(5))


def test_whoever_asks_for_nothing_is_forgotten():
    async def ask():
        turns = Turns()
        async with turns.of("a"):
            assert len(turns._of) == 1
        gc.collect()
        return len(turns._of)

    assert asyncio.run(ask()) == 0
