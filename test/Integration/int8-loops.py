# REQUIRES: numpy, sklearn
# RUN: rm -rf %t && mkdir %t
# RUN: %python %mpc_src_root/examples/digits/data.py %t
# RUN: mpc-compile %mpc_src_root/examples/digits/digits.onnx --precision=int8 --calibration-data=%t/calibration.npy \
# RUN:   --march=cascadelake --emit=llvm-ir -o %t/vnni.ll
# RUN: mpc-compile %mpc_src_root/examples/digits/digits.onnx --precision=int8 --calibration-data=%t/calibration.npy \
# RUN:   --march=x86-64-v3 --emit=llvm-ir -o %t/avx2.ll
# RUN: FileCheck %s --input-file=%t/vnni.ll
# RUN: %python %s %t/vnni.ll vpdpbusd && %python %s %t/avx2.ll pmadd

# One reduction loop: integer products, then the branch back, and no product of floats between them.
# CHECK: call <16 x i32> @llvm.x86.avx512.vpdpbusd.512
# CHECK-NOT: fmul
# CHECK-NOT: llvm.fma
# CHECK: br i1

"""What loops of an int8 library add products to is integers: floats are multiplied behind the last product of an iteration, if at
all (a loop over pixels requantizes sums that are complete), and none is carried. argv: LLVM IR, name of the dot product."""
import re
import sys

text, name = open(sys.argv[1]).read(), sys.argv[2]
loops = 0
for function in re.split(r"(?m)^define ", text)[1:]:
    for block in re.split(r"(?m)^(?=[\w.\"-]+:)", function):
        label = re.match(r"([\w.\"-]+):", block)
        products = re.findall(rf"@llvm\.x86\.\w+\.{name}", block)
        # A loop over the reduction multiplies, carries integer accumulators and branches to itself. (A short reduction is
        # unrolled: its block is the loop over tiles, with the requantization behind the last product.)
        if not label or not products or not re.search(r"= phi <\d+ x i32>", block) or not re.search(rf"br i1 .*%{re.escape(label.group(1))}\b", block):
            continue
        loops += 1
        last = [m.end() for m in re.finditer(rf"@llvm\.x86\.\w+\.{name}", block)][-1]
        assert not re.search(r"\bfmul\b|@llvm\.fma|\bfmuladd\b", block[:last]), block
        assert not re.search(r"= phi (<\d+ x )?float", block), block
assert loops > 0, "no reduction loop was found"
print(loops, "loops are integer")
