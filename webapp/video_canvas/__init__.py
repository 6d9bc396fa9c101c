"""The video canvas: the prompt canvas on the frames of a clip, with a timeline and a player.

`component.py` is the gradio side; `video.html`, `video.css` and `js/` are the browser's, beside
the scripts and the style of `webapp.canvas`. Prompts go as events, as with a picture. Frames,
masks and the progress of long work are asked for by the browser, so nothing is lost when it misses
an answer.
"""

from webapp.video_canvas.component import video_canvas

__all__ = ["video_canvas"]
