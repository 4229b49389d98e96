"""The published warehouse as a report: key figures for a terminal, and a page of a day or campaign.

- `figures`: what the whole warehouse says, and how fresh it is; `summary`: all of it in tables;
- `scope`: the day or the campaign that a page is about;
- `topics`: what is asked of the marts about it, in SQL that both engines understand;
- `charts`: the answers as drawings; `page`: everything in one HTML file.
"""

from orchestration.warehouse.report.figures import QUESTIONS, Question, Section, figures
from orchestration.warehouse.report.summary import summary

__all__ = ["QUESTIONS", "Question", "Section", "figures", "summary"]
