"""Exams that are completed because a list says that their images arrived."""
