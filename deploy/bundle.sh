#!/usr/bin/env bash
# Gathers what runs of a built release: bin/ with the three programs, lib/ with LibTorch's libraries, and in share/fintag
# the Debian packages that the rest comes from.
#   deploy/bundle.sh [--torch cpu|cuda] [--whole] [--build DIR] FOLDER
#   --torch cuda   the libraries of deploy/install.sh --torch cuda, CUDA's included, in place of the CPU's
#   --whole        every library goes into lib/, except those that no Debian system is without (glibc and g++'s)
set -euo pipefail
cd "$(dirname "$0")/.."

torch=cpu whole=no build=build/release target=
while [ $# -gt 0 ]; do
  case $1 in
    --torch) torch=${2:-}; shift ;;
    --build) build=${2:-}; shift ;;
    --whole) whole=yes ;;
    -*) target=; break ;;
    *) target=$1 ;;
  esac
  shift
done
[ -n "$target" ] || { echo "usage: deploy/bundle.sh [--torch cpu|cuda] [--whole] [--build DIR] FOLDER" >&2; exit 2; }
[ ! -e "$target/bin" ] || { echo "$target/bin is there already" >&2; exit 1; }

# Programs find LibTorch by their own rpath (CMakeLists.txt), CUDA's libraries by LibTorch's: ../../nvidia/*/lib.
mkdir -p "$target/lib/torch/lib" "$target/share/fintag"
cmake --install "$build" --component programs --prefix "$target" --strip >/dev/null
cpu_libraries=$(sed -n 's|^Torch_DIR:.*=\(.*\)/share/cmake/Torch$|\1/lib|p' "$build/CMakeCache.txt")

# package_of LIBRARY: the Debian package that owns it. /lib is a link to /usr/lib, and dpkg may know either.
package_of() {
  local path; path=$(readlink -f "$1")
  { dpkg-query -S "$path" 2>/dev/null || dpkg-query -S "${path#/usr}" 2>/dev/null || dpkg-query -S "/usr$path"; } |
    head -n 1 | sed 's/:.*//'
}

: > "$target/share/fintag/packages.txt"
while read -r library; do
  if [[ $library == "$cpu_libraries"/* ]]; then
    [ "$torch" = cuda ] || install -m 755 "$library" "$target/lib/torch/lib"
    continue
  fi
  package=$(package_of "$library")
  case $package in libc6 | libgcc-s1 | libstdc++6) continue ;; esac
  dpkg-query -W -f '${Package}=${Version}\n' "$package" | head -n 1 >> "$target/share/fintag/packages.txt"
  [ $whole = no ] || install -m 644 "$(readlink -f "$library")" "$target/lib/$(basename "$library")"
done < <(for program in "$target"/bin/*; do ldd "$build/bin/$(basename "$program")"; done |
  awk '$2 == "=>" && $3 == "not" { print "missing:" $1 } $2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u)
sort -u -o "$target/share/fintag/packages.txt" "$target/share/fintag/packages.txt"

if [ "$torch" = cuda ]; then
  cp -r "$(dirname "$(dirname "$cpu_libraries")")-cuda"/. "$target/lib"
  mv "$target/lib/wheels.txt" "$target/share/fintag/wheels.txt"
  # Python's part of LibTorch, and what only its tests load.
  rm -f "$target"/lib/torch/lib/lib{torch_python,torch_global_deps,shm}.so
fi
strip --strip-unneeded "$target"/lib/torch/lib/*.so*

# Libraries that are compiled in, as headers or archives, leave no other trace.
mapfile -t build_packages < <(deploy/install.sh --list | grep -- '-dev$')
dpkg-query -W -f '${Package}=${Version}\n' "${build_packages[@]}" | sort -u > "$target/share/fintag/build_packages.txt"
