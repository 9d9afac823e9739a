// Runs the cases of a file on the host: host KIND CASES RESULTS, words of 64 bits in this machine's order.
#include "cases.cuh"
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
    if (argc != 4) {
        return 2;
    }
    const uint32_t kind = (uint32_t)atoi(argv[1]);
    FILE* cases = fopen(argv[2], "rb");
    FILE* results = fopen(argv[3], "wb");
    if (kind >= CASE_KINDS || !cases || !results) {
        return 2;
    }
    uint64_t in[47], out[9];
    while (fread(in, sizeof(uint64_t), INPUT_WORDS[kind], cases) == INPUT_WORDS[kind]) {
        run_case(kind, in, out);
        fwrite(out, sizeof(uint64_t), OUTPUT_WORDS[kind], results);
    }
    return fclose(results) == 0 ? 0 : 1;
}
