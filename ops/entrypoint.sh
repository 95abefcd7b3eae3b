#!/bin/sh
# A volume is mounted as root's, whatever the image says of its folder: it is given to the user of the program, who then
# runs it. Started as somebody else already, this changes nothing.
set -eu
if [ "$(id -u)" -eq 0 ]; then
  chown spell "$SPELL_DATA_DIR"
  exec setpriv --reuid=spell --regid=spell --init-groups -- "$@"
fi
exec "$@"
