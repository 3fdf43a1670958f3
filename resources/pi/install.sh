#!/bin/sh
# Installs what watch.py needs into .venv in this folder, and tests it.
#     sh install.sh             installs and tests
#     sh install.sh service     afterwards: watches from now on, also after a restart (asks for sudo)
set -eu
cd "$(dirname "$0")"
folder="$(pwd)"

say() {
    echo "$*" >&2
}

if [ "${1:-}" = service ]; then
    if [ ! -x .venv/bin/python ]; then
        say "Run “sh install.sh” first."
        exit 1
    fi
    if ! command -v systemctl >/dev/null; then
        say "This computer has no systemd. Start .venv/bin/python watch.py SOURCE by other means."
        exit 1
    fi
    sed -e "s|@FOLDER@|$folder|g" -e "s|@USER@|$(id -un)|g" espalier-watch.service |
        sudo tee /etc/systemd/system/espalier-watch.service >/dev/null
    sudo systemctl daemon-reload
    sudo systemctl enable --now espalier-watch
    say "It watches. See what it says: journalctl -fu espalier-watch"
    exit 0
fi

case "$(uname -m)" in
aarch64 | x86_64 | arm64) ;;
*)
    say "ONNX Runtime is not made for $(uname -m). Use a 64-bit Raspberry Pi OS."
    exit 1
    ;;
esac
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    say "This needs Python 3.11 or newer. Use Raspberry Pi OS of 2023 (Bookworm) or newer."
    exit 1
fi
if ! python3 -m venv .venv; then
    say "Python can't make a virtual environment. Install it: sudo apt install python3-venv"
    exit 1
fi
if ! .venv/bin/python -m pip install --quiet -r requirements.txt; then
    say "These exact versions can't be had here, so others are tried. The self-test says if they do."
    sed 's/==.*//' requirements.txt >.venv/any.txt
    .venv/bin/python -m pip install --quiet -r .venv/any.txt
fi
.venv/bin/python selftest.py
say "Now watch the first camera: .venv/bin/python watch.py 0"
