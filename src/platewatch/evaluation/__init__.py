"""How well matching does on reads whose true plate is known: see docs/evaluation.md.

sample.py reads such files, lists.py draws hotlists, run.py matches and counts, figures.py works out what it comes to,
report.py shows it.
"""

from platewatch.evaluation.run import Evaluation, Models, Settings, cross_validated, evaluate
from platewatch.evaluation.sample import LabelledRead, load

__all__ = ["Evaluation", "LabelledRead", "Models", "Settings", "cross_validated", "evaluate", "load"]
