#!/usr/bin/env bash
# Takes the pictures of this folder anew, of the demo in a real browser (Debian: chromium,
# chromium-driver, fonts-noto-cjk). Takes some three minutes, once everything is built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
HARVESTER_BROWSER=required cargo test -p harvest-examples --test browser -- --ignored pictures
