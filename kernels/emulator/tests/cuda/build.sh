#!/usr/bin/env bash
# Rebuilds the PTX of the test kernels. Needs nvcc 13.0 on the PATH and its headers in $CUDA_INCLUDE.
#
# Every X.cu gives X.compute_75.ptx and X.compute_90.ptx, X90.cu only the latter. The PTX is committed, so that the tests
# need no compiler.
set -euo pipefail
cd "$(dirname "$0")"
for source in *.cu; do
    stem=${source%.cu}
    for arch in 75 90; do
        case $stem in *90) [ $arch = 90 ] || continue ;; esac
        nvcc -I"${CUDA_INCLUDE:?}" -I"$CUDA_INCLUDE/cccl" -O3 -std=c++17 -fmad=false -rdc=true -arch=compute_$arch -ptx \
            -o "$stem.compute_$arch.ptx" "$source"
    done
done
