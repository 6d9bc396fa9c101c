// Hands over a stored file as a download, and tells whoever asked for it.
watch("value", () => {
  const ready = props.value;
  if (!ready) return;
  const link = document.createElement("a");
  link.href = ready.file.url;
  link.download = ready.name;
  document.body.append(link);
  link.click();
  link.remove();
  document.dispatchEvent(new CustomEvent("studio-download", { detail: ready.seq }));
});
