"""What runs in the browser: two linked panes, painted from run lengths, on a picture or a clip.

`component.py` is the gradio side. `panes/` holds the scripts that both tabs share, `picture/` and
`clip/` the page, style and scripts of each. The browser shows an edit at once and sends it; the
reply carries the scene as the server has it.
"""

from webapp.browser.component import Words, downloads, prompt_canvas, video_canvas

__all__ = ["Words", "downloads", "prompt_canvas", "video_canvas"]
