"""How well matching does on reads whose true plate is known: see docs/evaluation.md.

sample.py reads such files, lists.py draws hotlists, run.py matches and counts, figures.py works out what it comes to,
report.py shows it.
"""

from platewatch.evaluation.models import Models, cross_validated
from platewatch.evaluation.results import Evaluation, Settings
from platewatch.evaluation.run import evaluate
from platewatch.evaluation.sample import LabelledRead, load

__all__ = ["Evaluation", "LabelledRead", "Models", "Settings", "cross_validated", "evaluate", "load"]
