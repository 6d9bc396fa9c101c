"""Files that programs name by an address instead of uploading them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import gradio as gr
from gradio.components.api_component import Api

from webapp.shared.uploads import ANYONE, Uploads

UNREACHABLE = "Nothing could be fetched from that address; send the file itself."

_Fetch = Callable[[Any], Awaitable[str | None]]


def is_address(path: str) -> bool:
    """Return whether a path is an address of the web."""
    return path.lower().startswith(("http://", "https://"))


def path_on_page(address: str) -> str:
    """Return the path of a file that this page serves at an address; "" of others."""
    return unquote(address.partition("/gradio_api/file=")[2])


def accept_addresses(page: gr.Blocks, uploads: Uploads) -> None:
    """Let the endpoints of a page take files by their addresses.

    gradio fetches such files, from public hosts only, before an endpoint is called, and names the
    copy in its cache as if it had been uploaded. The copy becomes an upload that this call alone
    can name. An upload's own address on this page is not fetched: it may not be a public one.
    """
    for block in page.blocks.values():
        if isinstance(block, Api):
            stored = block.async_move_resource_to_block_cache
            block.async_move_resource_to_block_cache = partial(_stored, stored, uploads)


async def _stored(stored: _Fetch, uploads: Uploads, path: Any) -> str | None:
    address = str(path)
    if not is_address(address):
        return await stored(path)
    own = path_on_page(address)
    if own in uploads:
        return own
    try:
        copy = await stored(path)
    except Exception as error:
        raise gr.Error(UNREACHABLE, print_exception=False) from error
    return copy and str(uploads.add_link(Path(copy), ANYONE))
