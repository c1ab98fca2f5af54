"""Row-wise transforms as Python closures, interpreted from the Ibis operations that also become SQL: single events need no query."""
