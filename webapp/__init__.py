"""The web interface: gradio and numpy, never torch; the models arrive as `refiner.types.Segmenter`.

State is frozen records, one per visitor; what a browser sends is checked before it is used. This is
the map; names with a dot are Python's, those with a slash are scripts in `webapp.browser`.

The rooms; each may import those below it:

- `webapp.page` puts the tabs together and serves them, `webapp.about_tab` among them.
- `webapp.api`: endpoints for programs, with the page's checks and limits.
- `webapp.compare`: the compare tab, which reads the image tab's state.
- `webapp.image`, `webapp.video`: the tabs of pictures and of clips, which never meet.
- `webapp.browser`: the two components with their pages, styles and scripts.
- `webapp.serving`: who visits, whose turn it is, how the page is sent, whether all is well, and how it
  ends.
- `webapp.shared`: events, edits, words, limits, and whatever else the tabs have in common.

A click on a picture:

1. `panes/pointer.js` makes an edit of it; `panes/scene.js` shows it and sends `edit_prompts`
   (`panes/calls.js`).
2. `webapp.serving.turns.TurnQueue` has it wait for its visitor's turn. `webapp.image.tab.build_image_tab`
   has connected that event; it reaches
3. `webapp.shared.events.responder`: the message is read (`webapp.shared.events.read_message`), and
4. `webapp.image.actions.edit_picture` has each edit checked by `webapp.shared.editing.apply`,
5. which asks the state for the next one: `webapp.shared.editing.PromptState.add_click` and
   `webapp.image.state.ImageState.with_prompts`.
6. `webapp.image.actions.complete` has what lacks an answer segmented
   (`refiner.types.Segmenter.segment`) and, with a ground truth, scored
   (`webapp.image.truth_curve.with_scores`).
7. Both masks are packed (`refiner.files.run_lengths.PackedPair`);
8. `webapp.image.reply.canvas_value` says what the browser lacks.
9. `picture/picture.js` takes it in, `panes/painting.js` paints both masks.

Only then `picture/loupe.js` sends `show_differences`; its answer has, beside the same, where the masks
differ and how far they agree (`webapp.image.differences.differences_value`).

A file that is uploaded:

1. `panes/files.js` sends it; `webapp.serving.visitors.Visitors` gives each browser a cookie, and
2. moves what gradio has stored into a folder of its own: `webapp.shared.uploads.Uploads.add`.
3. The event that names it gets it by `webapp.shared.uploads.Uploads.file`, if the same visitor asks,
   and has it decoded by a `refiner.files.reading.Reader`, in a process of its own.

A frame of a clip:

1. `clip/work.js` calls `start_track`, one of the functions of `webapp.video.tab.build_video_tab`.
2. The clip is found by its key in `webapp.video.open_clips.Store`, all that is kept of it in a
   `webapp.video.open_clips.ClipJob`.
3. `webapp.video.actions.start_track` queues a `webapp.video.work.Work` with the
   `webapp.video.work.Workers` of the `webapp.video.context.VideoStudio`.
4. `webapp.video.tracking.track` takes what is missing (`webapp.video.results.plan`) and walks along
   `refiner.video_types.Tracker.track`.
5. Each frame is packed, scored where its truth is known, and put into
   `webapp.video.results.Results`.
6. The browser asks again and again: `webapp.video.actions.follow` answers with
7. `webapp.video.reply.progress_value`, the tracked frames that it lacks.
8. `clip/frames.js` fetches the pictures of frames from `webapp.video.actions.pictures`.
9. `panes/painting.js` paints both masks over them.
10. `webapp.video.exporting.write_export` writes what is shown to a file.

To add

- a view: a painter in `panes/painting.js`, its button in `picture/picture.html` and
  `clip/clip.html`, its words in `webapp.shared.text.CANVAS`.
- an export: of a picture in `webapp.image.downloads.picture_file`; of a clip in
  `refiner.clips.exports.EXPORTS`, with its name in `webapp.video.exporting.EXPORTS`.
- a kind of prompt: a field of `refiner.types.Prompts`, an edit in `webapp.shared.editing.ACTIONS`
  and in `panes/scene.js`, its values in `refiner.files.results.prompts_value`.
- a word on the server's health: `webapp.serving.health.Health`; a number for whoever runs it:
  `webapp.shared.counts`, which `webapp.serving.metrics.Metrics` gives out.
- an endpoint: a typed method of `webapp.api.endpoints.Endpoints`, added in
  `webapp.api.endpoints.build_api`.
"""
