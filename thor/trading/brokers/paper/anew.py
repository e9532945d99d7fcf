"""Close the one account of the embedded broker: the next question opens another, with the capital of the start."""

from thor.trading.models.paper import PaperAccount, PaperFill, PaperOrder, PaperPosition


def forget_account() -> None:
    """Take its books out, in the transaction of whoever calls: whoever settles at this moment is waited for."""
    list(PaperAccount.objects.select_for_update())
    for table in (PaperFill, PaperOrder, PaperPosition, PaperAccount):
        table.objects.all().delete()
