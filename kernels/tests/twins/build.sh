#!/usr/bin/env bash
# Rebuilds the PTX that the interpreter's test runs. Needs nvcc 13.0.88 on the path; -I finds its headers where they lie
# apart, as in the PyPI wheels: CUDA_INCLUDE=... ./build.sh
set -euo pipefail
cd "$(dirname "$0")"
nvcc ${CUDA_INCLUDE:+-I"$CUDA_INCLUDE"} -O3 -std=c++17 -fmad=false -arch=compute_75 -ptx -o device.ptx device.cu
