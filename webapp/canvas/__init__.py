"""The prompt canvas: two linked panes, painted in the browser from run lengths.

`component.py` is the gradio side; `canvas.html`, `canvas.css` and `js/` are the browser's. The
browser shows an edit at once and sends it; the reply carries the scene as the server has it.
"""

from webapp.canvas.component import downloads, prompt_canvas

__all__ = ["downloads", "prompt_canvas"]
