// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v4},mpc-estimate-rounding)" | FileCheck %s --check-prefixes=CHECK,WIDE
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v3},mpc-estimate-rounding)" | FileCheck %s --check-prefixes=CHECK,NARROW

// x * sigmoid(x) over a scale is looked up, and computed where a lane is near the middle between two integers. Without registers for the
// tables, only the quotient by the scale becomes products.
// CHECK-LABEL: func.func @silu(
// CHECK-SAME: %[[X:.*]]: vector<16xf32>)
// WIDE-NOT: math.exp
// WIDE-COUNT-5: llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.ps.512"
// WIDE-NOT: vpermi2var
// WIDE: %[[E:.*]] = arith.mulf
// WIDE: %[[R:.*]] = math.roundeven %[[E]]
// WIDE: arith.subf %[[E]], %[[R]]
// WIDE: arith.cmpf ogt, %[[R]]
// WIDE: %[[ALL:.*]] = vector.reduction <and>, %{{.*}} : vector<16xi1> into i1
// WIDE: %[[EXPECTED:.*]] = llvm.intr.expect %[[ALL]], %true
// WIDE: %[[Q:.*]] = scf.if %[[EXPECTED]] -> (vector<16xf32>)
// WIDE-NEXT: scf.yield
// WIDE: else
// WIDE: math.exp
// WIDE: arith.divf
// WIDE: math.roundeven
// WIDE: return %[[Q]]
// NARROW: math.exp
// NARROW: arith.divf
// NARROW-NOT: arith.divf
// NARROW-COUNT-2: math.fma
// NARROW: %[[R:.*]] = math.roundeven
// NARROW: return %[[R]]
func.func @silu(%x: vector<16xf32>) -> vector<16xf32> {
  %one = arith.constant dense<1.0> : vector<16xf32>
  %scale = arith.constant dense<0.25> : vector<16xf32>
  %low = arith.constant dense<-10.0> : vector<16xf32>
  %high = arith.constant dense<245.0> : vector<16xf32>
  %0 = arith.negf %x : vector<16xf32>
  %1 = math.exp %0 : vector<16xf32>
  %2 = arith.addf %one, %1 : vector<16xf32>
  %3 = arith.divf %one, %2 : vector<16xf32>
  %4 = arith.mulf %x, %3 : vector<16xf32>
  %5 = arith.divf %4, %scale : vector<16xf32>
  %6 = arith.cmpf ogt, %5, %low : vector<16xf32>
  %7 = arith.select %6, %5, %low : vector<16xi1>, vector<16xf32>
  %8 = arith.cmpf olt, %7, %high : vector<16xf32>
  %9 = arith.select %8, %7, %high : vector<16xi1>, vector<16xf32>
  %10 = math.roundeven %9 : vector<16xf32>
  return %10 : vector<16xf32>
}

// Finer steps ask for a degree more: with one less, many vectors would have a lane near a middle.
// CHECK-LABEL: func.func @fine_silu(
// WIDE-COUNT-6: llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.ps.512"
// WIDE: scf.if
// NARROW-NOT: scf.if
func.func @fine_silu(%x: vector<16xf32>) -> vector<16xf32> {
  %one = arith.constant dense<1.0> : vector<16xf32>
  %scale = arith.constant dense<0.005> : vector<16xf32>
  %low = arith.constant dense<-56.0> : vector<16xf32>
  %high = arith.constant dense<199.0> : vector<16xf32>
  %0 = arith.negf %x : vector<16xf32>
  %1 = math.exp %0 : vector<16xf32>
  %2 = arith.addf %one, %1 : vector<16xf32>
  %3 = arith.divf %one, %2 : vector<16xf32>
  %4 = arith.mulf %x, %3 : vector<16xf32>
  %5 = arith.divf %4, %scale : vector<16xf32>
  %6 = arith.cmpf ogt, %5, %low : vector<16xf32>
  %7 = arith.select %6, %5, %low : vector<16xi1>, vector<16xf32>
  %8 = arith.cmpf olt, %7, %high : vector<16xf32>
  %9 = arith.select %8, %7, %high : vector<16xi1>, vector<16xf32>
  %10 = math.roundeven %9 : vector<16xf32>
  return %10 : vector<16xf32>
}

// Without bounds, what is rounded may be so large that any error reaches a middle.
// CHECK-LABEL: func.func @unbounded(
// CHECK-NOT: scf.if
// CHECK: math.tanh
// CHECK: arith.divf
// CHECK: return
func.func @unbounded(%x: vector<16xf32>) -> vector<16xf32> {
  %scale = arith.constant dense<0.25> : vector<16xf32>
  %0 = math.tanh %x : vector<16xf32>
  %1 = arith.divf %0, %scale : vector<16xf32>
  %2 = math.roundeven %1 : vector<16xf32>
  return %2 : vector<16xf32>
}

// A function of two numbers has no pieces.
// CHECK-LABEL: func.func @two(
// CHECK-NOT: scf.if
// CHECK: math.exp
// CHECK: return
func.func @two(%x: vector<16xf32>, %y: vector<16xf32>) -> vector<16xf32> {
  %low = arith.constant dense<0.0> : vector<16xf32>
  %high = arith.constant dense<255.0> : vector<16xf32>
  %0 = math.exp %x : vector<16xf32>
  %1 = arith.mulf %0, %y : vector<16xf32>
  %2 = arith.cmpf ogt, %1, %low : vector<16xf32>
  %3 = arith.select %2, %1, %low : vector<16xi1>, vector<16xf32>
  %4 = arith.cmpf olt, %3, %high : vector<16xf32>
  %5 = arith.select %4, %3, %high : vector<16xi1>, vector<16xf32>
  %6 = math.roundeven %5 : vector<16xf32>
  return %6 : vector<16xf32>
}

// Steps so small that most results would lie near a middle.
// CHECK-LABEL: func.func @fine(
// CHECK-NOT: scf.if
// CHECK: math.tanh
// CHECK: return
func.func @fine(%x: vector<16xf32>) -> vector<16xf32> {
  %scale = arith.constant dense<1.0e-6> : vector<16xf32>
  %low = arith.constant dense<-32768.0> : vector<16xf32>
  %high = arith.constant dense<32767.0> : vector<16xf32>
  %0 = math.tanh %x : vector<16xf32>
  %1 = arith.divf %0, %scale : vector<16xf32>
  %2 = arith.cmpf ogt, %1, %low : vector<16xf32>
  %3 = arith.select %2, %1, %low : vector<16xi1>, vector<16xf32>
  %4 = arith.cmpf olt, %3, %high : vector<16xf32>
  %5 = arith.select %4, %3, %high : vector<16xi1>, vector<16xf32>
  %6 = math.roundeven %5 : vector<16xf32>
  return %6 : vector<16xf32>
}

// The function may be one term of a sum.
// CHECK-LABEL: func.func @residual(
// WIDE: llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.ps.512"
// WIDE: arith.addf
// WIDE: scf.if
// WIDE: math.tanh
func.func @residual(%x: vector<16xf32>, %y: vector<16xf32>) -> vector<16xf32> {
  %scale = arith.constant dense<0.25> : vector<16xf32>
  %low = arith.constant dense<-10.0> : vector<16xf32>
  %high = arith.constant dense<245.0> : vector<16xf32>
  %0 = math.tanh %x : vector<16xf32>
  %1 = arith.addf %0, %y : vector<16xf32>
  %2 = arith.divf %1, %scale : vector<16xf32>
  %3 = arith.cmpf ogt, %2, %low : vector<16xf32>
  %4 = arith.select %3, %2, %low : vector<16xi1>, vector<16xf32>
  %5 = arith.cmpf olt, %4, %high : vector<16xf32>
  %6 = arith.select %5, %4, %high : vector<16xi1>, vector<16xf32>
  %7 = math.roundeven %6 : vector<16xf32>
  return %7 : vector<16xf32>
}

// Where an integer is made of what is rounded, the estimate is one of fixed point, whose digits say whether it is certain. Both are
// clamped as integers, so that the conversion to bytes can do it; below only where the function gets there: here tanh gives -128.
// CHECK-LABEL: func.func @integer(
// WIDE: llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.ps.512"
// WIDE-NOT: math.roundeven
// WIDE: %[[D:.*]] = arith.fptosi
// WIDE: arith.shrsi %[[D]]
// WIDE: %[[T:.*]] = arith.andi %[[D]]
// WIDE: %[[CERTAIN:.*]] = arith.cmpi uge, %[[T]]
// WIDE: vector.reduction <and>, %[[CERTAIN]]
// WIDE: %[[Q:.*]] = scf.if
// WIDE: math.tanh
// WIDE: arith.addi
// WIDE: %[[MAX:.*]] = arith.maxsi %[[Q]]
// WIDE: %[[MIN:.*]] = arith.minsi %[[MAX]]
// WIDE: arith.trunci %[[MIN]]
func.func @integer(%x: vector<16xf32>) -> vector<16xi8> {
  %scale = arith.constant dense<0.0078125> : vector<16xf32>
  %low = arith.constant dense<-120.0> : vector<16xf32>
  %high = arith.constant dense<135.0> : vector<16xf32>
  %zero = arith.constant dense<120> : vector<16xi32>
  %0 = math.tanh %x : vector<16xf32>
  %1 = arith.divf %0, %scale : vector<16xf32>
  %2 = arith.cmpf ogt, %1, %low : vector<16xf32>
  %3 = arith.select %2, %1, %low : vector<16xi1>, vector<16xf32>
  %4 = arith.cmpf olt, %3, %high : vector<16xf32>
  %5 = arith.select %4, %3, %high : vector<16xi1>, vector<16xf32>
  %6 = math.roundeven %5 : vector<16xf32>
  %7 = arith.fptosi %6 : vector<16xf32> to vector<16xi32>
  %8 = arith.addi %7, %zero : vector<16xi32>
  %9 = arith.trunci %8 : vector<16xi32> to vector<16xi8>
  return %9 : vector<16xi8>
}

// A function that does not get below the lower bound needs no clamp there.
// CHECK-LABEL: func.func @no_clamp_below(
// WIDE: %[[Q:.*]] = scf.if
// WIDE-NOT: arith.maxsi
// WIDE: %[[MIN:.*]] = arith.minui %[[Q]]
// WIDE: arith.trunci %[[MIN]]
func.func @no_clamp_below(%x: vector<16xf32>) -> vector<16xi8> {
  %scale = arith.constant dense<0.0078125> : vector<16xf32>
  %low = arith.constant dense<-128.0> : vector<16xf32>
  %high = arith.constant dense<127.0> : vector<16xf32>
  %zero = arith.constant dense<128> : vector<16xi32>
  %0 = math.tanh %x : vector<16xf32>
  %1 = arith.divf %0, %scale : vector<16xf32>
  %2 = arith.cmpf ogt, %1, %low : vector<16xf32>
  %3 = arith.select %2, %1, %low : vector<16xi1>, vector<16xf32>
  %4 = arith.cmpf olt, %3, %high : vector<16xf32>
  %5 = arith.select %4, %3, %high : vector<16xi1>, vector<16xf32>
  %6 = math.roundeven %5 : vector<16xf32>
  %7 = arith.fptosi %6 : vector<16xf32> to vector<16xi32>
  %8 = arith.addi %7, %zero : vector<16xi32>
  %9 = arith.trunci %8 : vector<16xi32> to vector<16xi8>
  return %9 : vector<16xi8>
}

// Of four vectors side by side one branch asks for the least digits behind the point. If any is uncertain, a bit for each lane that is
// says which vectors a loop computes. What saturates when it is packed is not clamped.
// CHECK-LABEL: func.func @together(
// CHECK-SAME: %[[X0:.*]]: vector<16xf32>, %[[X1:.*]]: vector<16xf32>, %{{.*}}: vector<16xf32>, %{{.*}}: vector<16xf32>)
// WIDE: %[[ARGUMENTS:.*]] = memref.alloca() {alignment = 64 : i64} : memref<4x16xf32>
// WIDE: %[[RESULTS:.*]] = memref.alloca() {alignment = 64 : i64} : memref<4x16xi32>
// WIDE-NOT: scf.if
// WIDE-COUNT-4: arith.fptosi
// WIDE-NOT: arith.fptosi
// WIDE-COUNT-3: arith.minui {{.*}} : vector<32xi16>
// WIDE: %[[CERTAIN:.*]] = llvm.intr.expect
// WIDE: %[[Q:.*]]:4 = scf.if %[[CERTAIN]]
// WIDE: else
// WIDE: vector.store %[[X0]], %[[ARGUMENTS]]
// WIDE: vector.store %[[X1]], %[[ARGUMENTS]]
// WIDE: scf.while
// WIDE: math.cttz
// WIDE: vector.load %[[ARGUMENTS]]
// WIDE: math.tanh
// WIDE-NOT: math.tanh
// WIDE: vector.store %{{.*}}, %[[RESULTS]]
// WIDE: scf.yield
// WIDE-NOT: arith.m{{ax|in}}
// WIDE: "llvm.x86.avx512.packssdw.512"(%[[Q]]#0, %[[Q]]#1)
// WIDE: return
// NARROW-COUNT-4: math.tanh
// NARROW-NOT: memref.alloca
// NARROW: return
func.func @together(%x0: vector<16xf32>, %x1: vector<16xf32>, %x2: vector<16xf32>, %x3: vector<16xf32>) -> vector<64xi8> {
  %scale = arith.constant dense<0.0078125> : vector<16xf32>
  %low = arith.constant dense<-128.0> : vector<16xf32>
  %high = arith.constant dense<127.0> : vector<16xf32>
  %zero = arith.constant dense<128> : vector<16xi32>
  %a0 = math.tanh %x0 : vector<16xf32>
  %b0 = arith.divf %a0, %scale : vector<16xf32>
  %c0 = arith.cmpf ogt, %b0, %low : vector<16xf32>
  %d0 = arith.select %c0, %b0, %low : vector<16xi1>, vector<16xf32>
  %e0 = arith.cmpf olt, %d0, %high : vector<16xf32>
  %f0 = arith.select %e0, %d0, %high : vector<16xi1>, vector<16xf32>
  %g0 = math.roundeven %f0 : vector<16xf32>
  %h0 = arith.fptosi %g0 : vector<16xf32> to vector<16xi32>
  %i0 = arith.addi %h0, %zero : vector<16xi32>
  %a1 = math.tanh %x1 : vector<16xf32>
  %b1 = arith.divf %a1, %scale : vector<16xf32>
  %c1 = arith.cmpf ogt, %b1, %low : vector<16xf32>
  %d1 = arith.select %c1, %b1, %low : vector<16xi1>, vector<16xf32>
  %e1 = arith.cmpf olt, %d1, %high : vector<16xf32>
  %f1 = arith.select %e1, %d1, %high : vector<16xi1>, vector<16xf32>
  %g1 = math.roundeven %f1 : vector<16xf32>
  %h1 = arith.fptosi %g1 : vector<16xf32> to vector<16xi32>
  %i1 = arith.addi %h1, %zero : vector<16xi32>
  %a2 = math.tanh %x2 : vector<16xf32>
  %b2 = arith.divf %a2, %scale : vector<16xf32>
  %c2 = arith.cmpf ogt, %b2, %low : vector<16xf32>
  %d2 = arith.select %c2, %b2, %low : vector<16xi1>, vector<16xf32>
  %e2 = arith.cmpf olt, %d2, %high : vector<16xf32>
  %f2 = arith.select %e2, %d2, %high : vector<16xi1>, vector<16xf32>
  %g2 = math.roundeven %f2 : vector<16xf32>
  %h2 = arith.fptosi %g2 : vector<16xf32> to vector<16xi32>
  %i2 = arith.addi %h2, %zero : vector<16xi32>
  %a3 = math.tanh %x3 : vector<16xf32>
  %b3 = arith.divf %a3, %scale : vector<16xf32>
  %c3 = arith.cmpf ogt, %b3, %low : vector<16xf32>
  %d3 = arith.select %c3, %b3, %low : vector<16xi1>, vector<16xf32>
  %e3 = arith.cmpf olt, %d3, %high : vector<16xf32>
  %f3 = arith.select %e3, %d3, %high : vector<16xi1>, vector<16xf32>
  %g3 = math.roundeven %f3 : vector<16xf32>
  %h3 = arith.fptosi %g3 : vector<16xf32> to vector<16xi32>
  %i3 = arith.addi %h3, %zero : vector<16xi32>
  %low16 = llvm.call_intrinsic "llvm.x86.avx512.packssdw.512"(%i0, %i1) : (vector<16xi32>, vector<16xi32>) -> vector<32xi16>
  %high16 = llvm.call_intrinsic "llvm.x86.avx512.packssdw.512"(%i2, %i3) : (vector<16xi32>, vector<16xi32>) -> vector<32xi16>
  %r = llvm.call_intrinsic "llvm.x86.avx512.packuswb.512"(%low16, %high16) : (vector<32xi16>, vector<32xi16>) -> vector<64xi8>
  return %r : vector<64xi8>
}

// A vector that is needed before the next one is computed has a branch of its own, and so has one with another zero point: here the first
// and the last of three.
// CHECK-LABEL: func.func @apart(
// WIDE: scf.if
// WIDE-NOT: scf.while
// WIDE: vector.store
// WIDE: scf.if
// WIDE-NOT: scf.while
// WIDE: scf.if
// WIDE-NOT: scf.while
// WIDE: return
func.func @apart(%x0: vector<16xf32>, %x1: vector<16xf32>, %x2: vector<16xf32>, %m: memref<16xi32>) -> (vector<16xi32>, vector<16xi32>) {
  %origin = arith.constant 0 : index
  %scale = arith.constant dense<0.0078125> : vector<16xf32>
  %low = arith.constant dense<-128.0> : vector<16xf32>
  %high = arith.constant dense<127.0> : vector<16xf32>
  %zero = arith.constant dense<128> : vector<16xi32>
  %a0 = math.tanh %x0 : vector<16xf32>
  %b0 = arith.divf %a0, %scale : vector<16xf32>
  %c0 = arith.cmpf ogt, %b0, %low : vector<16xf32>
  %d0 = arith.select %c0, %b0, %low : vector<16xi1>, vector<16xf32>
  %e0 = arith.cmpf olt, %d0, %high : vector<16xf32>
  %f0 = arith.select %e0, %d0, %high : vector<16xi1>, vector<16xf32>
  %g0 = math.roundeven %f0 : vector<16xf32>
  %h0 = arith.fptosi %g0 : vector<16xf32> to vector<16xi32>
  %i0 = arith.addi %h0, %zero : vector<16xi32>
  vector.store %i0, %m[%origin] : memref<16xi32>, vector<16xi32>
  %a1 = math.tanh %x1 : vector<16xf32>
  %b1 = arith.divf %a1, %scale : vector<16xf32>
  %c1 = arith.cmpf ogt, %b1, %low : vector<16xf32>
  %d1 = arith.select %c1, %b1, %low : vector<16xi1>, vector<16xf32>
  %e1 = arith.cmpf olt, %d1, %high : vector<16xf32>
  %f1 = arith.select %e1, %d1, %high : vector<16xi1>, vector<16xf32>
  %g1 = math.roundeven %f1 : vector<16xf32>
  %h1 = arith.fptosi %g1 : vector<16xf32> to vector<16xi32>
  %i1 = arith.addi %h1, %zero : vector<16xi32>
  %other = arith.constant dense<127> : vector<16xi32>
  %a2 = math.tanh %x2 : vector<16xf32>
  %b2 = arith.divf %a2, %scale : vector<16xf32>
  %c2 = arith.cmpf ogt, %b2, %low : vector<16xf32>
  %d2 = arith.select %c2, %b2, %low : vector<16xi1>, vector<16xf32>
  %e2 = arith.cmpf olt, %d2, %high : vector<16xf32>
  %f2 = arith.select %e2, %d2, %high : vector<16xi1>, vector<16xf32>
  %g2 = math.roundeven %f2 : vector<16xf32>
  %h2 = arith.fptosi %g2 : vector<16xf32> to vector<16xi32>
  %i2 = arith.addi %h2, %other : vector<16xi32>
  return %i1, %i2 : vector<16xi32>, vector<16xi32>
}

// What is divided is clamped, not the quotient, and NaN replaced by what the clamps would make of it.
// CHECK-LABEL: func.func @quotient(
// CHECK-SAME: %[[X:.*]]: vector<16xf32>)
// CHECK: %[[NAN:.*]] = arith.cmpf uno, %[[X]], %[[X]]
// CHECK: %[[NUMBER:.*]] = arith.select %[[NAN]]
// CHECK-DAG: %[[LOW:.*]] = arith.constant dense<-5.120000e+02>
// CHECK-DAG: %[[HIGH:.*]] = arith.constant dense<5.080000e+02>
// CHECK: arith.cmpf ogt, %[[NUMBER]], %[[LOW]]
// CHECK: arith.cmpf olt, %{{.*}}, %[[HIGH]]
// CHECK-NOT: arith.divf
// CHECK: math.fma
// CHECK: %[[Q:.*]] = math.fma
// CHECK: math.roundeven %[[Q]]
func.func @quotient(%x: vector<16xf32>) -> vector<16xf32> {
  %scale = arith.constant dense<4.0> : vector<16xf32>
  %zero = arith.constant dense<0.0> : vector<16xf32>
  %low = arith.constant dense<-128.0> : vector<16xf32>
  %high = arith.constant dense<127.0> : vector<16xf32>
  %0 = arith.divf %x, %scale : vector<16xf32>
  %1 = arith.cmpf uno, %0, %0 : vector<16xf32>
  %2 = arith.select %1, %zero, %0 : vector<16xi1>, vector<16xf32>
  %3 = arith.cmpf ogt, %2, %low : vector<16xf32>
  %4 = arith.select %3, %2, %low : vector<16xi1>, vector<16xf32>
  %5 = arith.cmpf olt, %4, %high : vector<16xf32>
  %6 = arith.select %5, %4, %high : vector<16xi1>, vector<16xf32>
  %7 = math.roundeven %6 : vector<16xf32>
  return %7 : vector<16xf32>
}
