"""What trading keeps."""

from thor.trading.models.paper import PaperAccount, PaperFill, PaperOrder, PaperPosition

__all__ = ["PaperAccount", "PaperFill", "PaperOrder", "PaperPosition"]
