"""Who is told what needs somebody, by mail or webhook: each thing once, and once more when it is over."""
