#!/bin/bash
# Builds kernels/cuda/built from the sources beside it, byte for byte the same wherever it runs; no GPU is needed.
#
#   build.sh            builds into built/
#   build.sh --check    builds elsewhere and compares; where the compiler cannot be had, compares the hash of the sources
#
# The compiler comes from pinned wheels in a virtual environment under target/ (about 500 MB, 10 s).
set -euo pipefail
cd "$(dirname "$0")"

SOURCES=(./*.cu ./*.cuh build.sh)
sources_hash() { LC_ALL=C sha256sum "${SOURCES[@]}"; }

VENV=../../target/cuda-compiler
fetch_compiler() {
    [ -e "$VENV/complete" ] && return
    rm -rf "$VENV"
    python3 -m venv "$VENV" &&
        "$VENV/bin/pip" install -q --disable-pip-version-check nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 \
            nvidia-nvvm==13.0.88 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cccl==13.0.85 &&
        touch "$VENV/complete"
}

CHECK=0
[ "${1:-}" = --check ] && CHECK=1
if ! fetch_compiler; then
    if [ $CHECK = 1 ]; then
        echo "the CUDA compiler is not to be had here: comparing the hash of the sources instead"
        diff <(sources_hash) built/sources.sha256 && echo "kernels/cuda/built is of these sources" && exit
        echo "kernels/cuda/built is not of these sources: run kernels/cuda/build.sh where the compiler can be had" >&2
        exit 1
    fi
    echo "the CUDA compiler cannot be installed" >&2
    exit 1
fi
TOOLS=$(cd "$VENV"/lib/python3*/site-packages/nvidia/cu13 && pwd)
export PATH=$TOOLS/bin:$PATH

GRID="75 80 86 89"
CLUSTER="90 100 120"
FLAGS=(-O3 -std=c++17 -fmad=false "-I$TOOLS/include")
OUT=$(mktemp -d)
trap 'rm -rf "$OUT"' EXIT
ln -s "$TOOLS/lib" "$OUT/lib"

nvcc "${FLAGS[@]}" -arch=compute_75 -ptx -o "$OUT/engine_grid.ptx" engine.cu
nvcc "${FLAGS[@]}" -DWT_CLUSTER -arch=compute_90 -ptx -o "$OUT/engine_cluster.ptx" engine.cu
nvcc "${FLAGS[@]}" -arch=compute_75 -ptx -o "$OUT/batch.ptx" batch.cu
nvcc "${FLAGS[@]}" -arch=compute_75 -ptx -o "$OUT/options.ptx" options.cu
nvcc "${FLAGS[@]}" -arch=compute_75 -rdc=true -ptx -o "$OUT/epoch_end.ptx" epoch_end.cu
nvcc "${FLAGS[@]}" -arch=compute_75 -ptx -o "$OUT/american.ptx" american.cu
nvcc "${FLAGS[@]}" -arch=compute_75 -ptx -o "$OUT/monte_carlo.ptx" monte_carlo.cu

# Every cubin is assembled from the PTX that is shipped: what is interpreted without a GPU is what a GPU runs.
# Kernels that are launched and end, one PTX for every architecture.
LAUNCHED="batch options american monte_carlo"
ENGINE=()
CONTROL=()
assemble() { # image, architecture
    ptxas --fmad=false -O3 "-arch=sm_$2" -o "$OUT/engine_$2.cubin" "$OUT/$1.ptx"
    ENGINE+=("--image3=kind=elf,sm=$2,file=$OUT/engine_$2.cubin")
    for KERNELS in $LAUNCHED; do
        ptxas --fmad=false -O3 "-arch=sm_$2" -o "$OUT/${KERNELS}_$2.cubin" "$OUT/$KERNELS.ptx"
    done
    # By relative names: the linker writes the library's path into what it links.
    (
        cd "$OUT"
        ptxas -c "-arch=sm_$2" -o "epoch_end_$2.o" epoch_end.ptx
        nvlink "-arch=sm_$2" "epoch_end_$2.o" -Llib -lcudadevrt -o "epoch_end_$2.cubin"
    )
    CONTROL+=("--image3=kind=elf,sm=$2,file=$OUT/epoch_end_$2.cubin")
}
for ARCH in $GRID; do assemble engine_grid "$ARCH"; done
for ARCH in $CLUSTER; do assemble engine_cluster "$ARCH"; done
(
    cd "$OUT"
    fatbinary -64 --compress-mode=size "${ENGINE[@]}" --image3=kind=ptx,sm=75,file=engine_grid.ptx \
        --image3=kind=ptx,sm=90,file=engine_cluster.ptx --create=engine.fatbin
    for KERNELS in $LAUNCHED; do
        IMAGES=()
        for ARCH in $GRID $CLUSTER; do IMAGES+=("--image3=kind=elf,sm=$ARCH,file=${KERNELS}_$ARCH.cubin"); done
        fatbinary -64 --compress-mode=size "${IMAGES[@]}" "--image3=kind=ptx,sm=75,file=$KERNELS.ptx" \
            "--create=$KERNELS.fatbin"
    done
    fatbinary -64 --compress-mode=size "${CONTROL[@]}" --create=epoch_end.fatbin
)
sources_hash >"$OUT/sources.sha256"

BUILT=(engine_grid.ptx engine_cluster.ptx batch.ptx options.ptx epoch_end.ptx engine.fatbin batch.fatbin epoch_end.fatbin
    american.ptx monte_carlo.ptx options.fatbin american.fatbin monte_carlo.fatbin sources.sha256)
if [ $CHECK = 1 ]; then
    for FILE in "${BUILT[@]}"; do cmp "$OUT/$FILE" "built/$FILE"; done
    echo "kernels/cuda/built is what these sources give, byte for byte"
else
    mkdir -p built
    for FILE in "${BUILT[@]}"; do cp "$OUT/$FILE" built/; done
    ls -l built
fi
