"""From reference images (a folder or a topic) to a registered detector."""
