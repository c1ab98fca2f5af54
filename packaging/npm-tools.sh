#!/bin/sh
# Install the tools from npm that tests run (packaging/npm-tools) into a folder of the environment, as the lock file has them.
# Usage: npm-tools.sh FOLDER
set -eu
folder=$1
here=$(dirname "$0")/npm-tools

# Where Node.js comes from elsewhere, Debian's would be in its way.
if ! command -v npm >/dev/null 2>&1; then
    "$(dirname "$0")/system-packages.sh" "$(dirname "$0")/system-packages-npm.txt" "the tools from npm"
fi
if [ -x "$folder/node_modules/.bin/spectral" ] && cmp -s "$here/package-lock.json" "$folder/package-lock.json"; then
    echo "Tools from npm: all there."
    exit 0
fi
echo "Installing the tools from npm into $folder …"
mkdir -p "$folder"
cp "$here/package.json" "$here/package-lock.json" "$folder/"
npm ci --prefix "$folder" --no-audit --no-fund --ignore-scripts --loglevel=error
echo "Tools from npm: done."
