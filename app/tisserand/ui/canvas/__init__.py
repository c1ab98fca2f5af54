"""Our own canvas on QGraphicsView."""
