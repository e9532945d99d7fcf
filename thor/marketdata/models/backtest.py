"""The track record of the signals before an open."""

from django.db import models


class Backtest(models.Model):
    """How often each signal of one symbol worked at one market, over the captures strictly before `as_of`.

    `figures` has 17 keys: for strong_buy, buy, sell and strong_sell `…_worked`, `…_worked_percentage`,
    `…_didnt_work` and `…_didnt_work_percentage` (of those two, four places, 0 where there are none), and `hold`.
    """

    market = models.SlugField(max_length=32)
    session_date = models.DateField()
    symbol = models.CharField(max_length=32)
    as_of = models.DateTimeField(help_text="The open that it was made for")
    figures = models.JSONField()

    class Meta:
        ordering = ("-as_of", "market", "symbol")
        constraints = [
            models.UniqueConstraint(fields=("market", "session_date", "symbol"), name="marketdata_backtest_once")
        ]

    def __str__(self) -> str:
        return f"{self.market} {self.session_date:%F} {self.symbol}"
