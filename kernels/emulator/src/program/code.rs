//! The decoded operations.
//!
//! Every register holds its value in the low bits of 64, the rest zero, so one code serves all widths where the bits
//! allow it (`And`, unsigned compare, `Select`). A lane code is a pure function of its operands, written once here and
//! expanded into a vector loop by [`crate::machine`].

/// Calls `$then!` with the table of lane codes: name and function, by the number of operands.
///
/// `x` of ternary codes is the instruction's immediate word.
macro_rules! lane_codes {
    ($then:ident) => {
        $then! {
            unary {
                Move |a| a,
                Low8 |a| a & 0xff,
                Low16 |a| a & 0xffff,
                Low32 |a| a & 0xffff_ffff,
                High32 |a| a >> 32,
                Second16 |a| (a >> 16) & 0xffff,
                Third16 |a| (a >> 32) & 0xffff,
                Fourth16 |a| a >> 48,
                Signed8To16 |a| u64::from(a as u8 as i8 as i16 as u16),
                Signed8To32 |a| u64::from(a as u8 as i8 as i32 as u32),
                Signed8To64 |a| a as u8 as i8 as i64 as u64,
                Signed16To32 |a| u64::from(a as u16 as i16 as i32 as u32),
                Signed16To64 |a| a as u16 as i16 as i64 as u64,
                Signed32To64 |a| a as u32 as i32 as i64 as u64,
                Neg16 |a| u64::from((a as u16).wrapping_neg()),
                Neg32 |a| u64::from((a as u32).wrapping_neg()),
                Neg64 |a| a.wrapping_neg(),
                Not16 |a| a ^ 0xffff,
                Not32 |a| a ^ 0xffff_ffff,
                Not64 |a| !a,
                Abs16 |a| u64::from((a as i16).unsigned_abs()),
                Abs32 |a| u64::from((a as i32).unsigned_abs()),
                Abs64 |a| (a as i64).unsigned_abs(),
                IsZero |a| u64::from(a == 0),
                CountOnes |a| u64::from(a.count_ones()),
                LeadingZeros32 |a| u64::from((a as u32).leading_zeros()),
                LeadingZeros64 |a| u64::from(a.leading_zeros()),
                Reverse32 |a| u64::from((a as u32).reverse_bits()),
                Reverse64 |a| a.reverse_bits(),
                FindUnsigned32 |a| find_first(a, 31),
                FindUnsigned64 |a| find_first(a, 63),
                FindSigned32 |a| find_first(u64::from(a as u32 ^ ((a as i32) >> 31) as u32), 31),
                FindSigned64 |a| find_first(a ^ ((a as i64) >> 63) as u64, 63),
                FindShiftUnsigned32 |a| find_shift(a, 31),
                FindShiftUnsigned64 |a| find_shift(a, 63),
                FindShiftSigned32 |a| find_shift(u64::from(a as u32 ^ ((a as i32) >> 31) as u32), 31),
                FindShiftSigned64 |a| find_shift(a ^ ((a as i64) >> 63) as u64, 63),
                NegF64 |a| a ^ (1 << 63),
                AbsF64 |a| a & !(1 << 63),
                SqrtF64 |a| f64::from_bits(a).sqrt().to_bits(),
                ReciprocalF64 |a| (1.0 / f64::from_bits(a)).to_bits(),
                NearestF64 |a| f64::from_bits(a).round_ties_even().to_bits(),
                TruncateF64 |a| f64::from_bits(a).trunc().to_bits(),
                FloorF64 |a| f64::from_bits(a).floor().to_bits(),
                CeilF64 |a| f64::from_bits(a).ceil().to_bits(),
                NegF32 |a| a ^ (1 << 31),
                AbsF32 |a| a & !(1 << 31),
                SqrtF32 |a| single(f32::from_bits(a as u32).sqrt()),
                ReciprocalF32 |a| single(1.0 / f32::from_bits(a as u32)),
                NearestF32 |a| single(f32::from_bits(a as u32).round_ties_even()),
                TruncateF32 |a| single(f32::from_bits(a as u32).trunc()),
                FloorF32 |a| single(f32::from_bits(a as u32).floor()),
                CeilF32 |a| single(f32::from_bits(a as u32).ceil()),
                F64FromS32 |a| f64::from(a as i32).to_bits(),
                F64FromS64 |a| (a as i64 as f64).to_bits(),
                F64FromU64 |a| (a as f64).to_bits(),
                F32FromS64 |a| single(a as i64 as f32),
                F32FromU64 |a| single(a as f32),
                F64FromF32 |a| f64::from(f32::from_bits(a as u32)).to_bits(),
                F32FromF64 |a| single(f64::from_bits(a) as f32),
                S32FromF64 |a| {
                    let value = f64::from_bits(a);
                    if value.is_nan() { 1 << 31 } else { u64::from(value as i32 as u32) }
                },
                U32FromF64 |a| {
                    let value = f64::from_bits(a);
                    if value.is_nan() { 1 << 31 } else { u64::from(value as u32) }
                },
                S64FromF64 |a| {
                    let value = f64::from_bits(a);
                    if value.is_nan() { 1 << 63 } else { value as i64 as u64 }
                },
                U64FromF64 |a| {
                    let value = f64::from_bits(a);
                    if value.is_nan() { 1 << 63 } else { value as u64 }
                },
                S32FromF32 |a| u64::from(f32::from_bits(a as u32) as i32 as u32),
                U32FromF32 |a| u64::from(f32::from_bits(a as u32) as u32),
            }
            binary {
                Add16 |a, b| a.wrapping_add(b) & 0xffff,
                Add32 |a, b| a.wrapping_add(b) & 0xffff_ffff,
                Add64 |a, b| a.wrapping_add(b),
                Sub16 |a, b| a.wrapping_sub(b) & 0xffff,
                Sub32 |a, b| a.wrapping_sub(b) & 0xffff_ffff,
                Sub64 |a, b| a.wrapping_sub(b),
                MulLow16 |a, b| a.wrapping_mul(b) & 0xffff,
                MulLow32 |a, b| (a & 0xffff_ffff).wrapping_mul(b & 0xffff_ffff) & 0xffff_ffff,
                MulLow64 |a, b| a.wrapping_mul(b),
                MulHighS16 |a, b| u64::from(((i32::from(a as i16) * i32::from(b as i16)) >> 16) as u16),
                MulHighU16 |a, b| ((a & 0xffff) * (b & 0xffff)) >> 16,
                MulHighS32 |a, b| u64::from(((i64::from(a as i32) * i64::from(b as i32)) >> 32) as u32),
                MulHighU32 |a, b| (a & 0xffff_ffff).wrapping_mul(b & 0xffff_ffff) >> 32,
                MulHighS64 |a, b| ((i128::from(a as i64) * i128::from(b as i64)) >> 64) as u64,
                MulHighU64 |a, b| ((u128::from(a) * u128::from(b)) >> 64) as u64,
                MulWideS16 |a, b| u64::from((i32::from(a as i16) * i32::from(b as i16)) as u32),
                MulWideU16 |a, b| (a & 0xffff) * (b & 0xffff),
                MulWideS32 |a, b| (i64::from(a as i32) * i64::from(b as i32)) as u64,
                MulWideU32 |a, b| (a & 0xffff_ffff).wrapping_mul(b & 0xffff_ffff),
                DivS16 |a, b| u64::from(div_signed(i64::from(a as i16), i64::from(b as i16)) as u16),
                DivU16 |a, b| a.checked_div(b).unwrap_or(0xffff),
                DivS32 |a, b| u64::from(div_signed(i64::from(a as i32), i64::from(b as i32)) as u32),
                DivU32 |a, b| a.checked_div(b).unwrap_or(0xffff_ffff),
                DivS64 |a, b| div_signed(a as i64, b as i64) as u64,
                DivU64 |a, b| a.checked_div(b).unwrap_or(u64::MAX),
                RemS16 |a, b| u64::from(rem_signed(i64::from(a as i16), i64::from(b as i16)) as u16),
                RemS32 |a, b| u64::from(rem_signed(i64::from(a as i32), i64::from(b as i32)) as u32),
                RemS64 |a, b| rem_signed(a as i64, b as i64) as u64,
                RemU |a, b| a.checked_rem(b).unwrap_or(a),
                And |a, b| a & b,
                Or |a, b| a | b,
                Xor |a, b| a ^ b,
                ShiftLeft16 |a, b| shift_left(a, b) & 0xffff,
                ShiftLeft32 |a, b| shift_left(a, b) & 0xffff_ffff,
                ShiftLeft64 |a, b| shift_left(a, b),
                ShiftRightU |a, b| if b as u32 > 63 { 0 } else { a >> (b & 63) },
                ShiftRightS16 |a, b| u64::from((a as i16 >> (b as u32).min(15)) as u16),
                ShiftRightS32 |a, b| u64::from((a as i32 >> (b as u32).min(31)) as u32),
                ShiftRightS64 |a, b| (a as i64 >> (b as u32).min(63)) as u64,
                MinU |a, b| a.min(b),
                MaxU |a, b| a.max(b),
                MinS16 |a, b| u64::from((a as i16).min(b as i16) as u16),
                MaxS16 |a, b| u64::from((a as i16).max(b as i16) as u16),
                MinS32 |a, b| u64::from((a as i32).min(b as i32) as u32),
                MaxS32 |a, b| u64::from((a as i32).max(b as i32) as u32),
                MinS64 |a, b| (a as i64).min(b as i64) as u64,
                MaxS64 |a, b| (a as i64).max(b as i64) as u64,
                Pack16 |a, b| (a & 0xffff) | (b & 0xffff) << 16,
                Pack32 |a, b| (a & 0xffff_ffff) | b << 32,
                AddF64 |a, b| (f64::from_bits(a) + f64::from_bits(b)).to_bits(),
                SubF64 |a, b| (f64::from_bits(a) - f64::from_bits(b)).to_bits(),
                MulF64 |a, b| (f64::from_bits(a) * f64::from_bits(b)).to_bits(),
                DivF64 |a, b| (f64::from_bits(a) / f64::from_bits(b)).to_bits(),
                MinF64 |a, b| min_f64(f64::from_bits(a), f64::from_bits(b)).to_bits(),
                MaxF64 |a, b| max_f64(f64::from_bits(a), f64::from_bits(b)).to_bits(),
                CopySignF64 |a, b| (b & !(1 << 63)) | (a & (1 << 63)),
                AddF32 |a, b| single(f32::from_bits(a as u32) + f32::from_bits(b as u32)),
                SubF32 |a, b| single(f32::from_bits(a as u32) - f32::from_bits(b as u32)),
                MulF32 |a, b| single(f32::from_bits(a as u32) * f32::from_bits(b as u32)),
                DivF32 |a, b| single(f32::from_bits(a as u32) / f32::from_bits(b as u32)),
                MinF32 |a, b| single(min_f64(widen(a), widen(b)) as f32),
                MaxF32 |a, b| single(max_f64(widen(a), widen(b)) as f32),
                CopySignF32 |a, b| (b & 0x7fff_ffff) | (a & 0x8000_0000),
            }
            ternary {
                MadLow16 |a, b, c, _x| a.wrapping_mul(b).wrapping_add(c) & 0xffff,
                MadLow32 |a, b, c, _x| (a & 0xffff_ffff).wrapping_mul(b & 0xffff_ffff).wrapping_add(c) & 0xffff_ffff,
                MadLow64 |a, b, c, _x| a.wrapping_mul(b).wrapping_add(c),
                MadHighS32 |a, b, c, _x| {
                    u64::from((((i64::from(a as i32) * i64::from(b as i32)) >> 32) as u32).wrapping_add(c as u32))
                },
                MadHighU32 |a, b, c, _x| {
                    ((a & 0xffff_ffff).wrapping_mul(b & 0xffff_ffff) >> 32).wrapping_add(c) & 0xffff_ffff
                },
                MadHighS64 |a, b, c, _x| (((i128::from(a as i64) * i128::from(b as i64)) >> 64) as u64).wrapping_add(c),
                MadHighU64 |a, b, c, _x| (((u128::from(a) * u128::from(b)) >> 64) as u64).wrapping_add(c),
                MadWideS16 |a, b, c, _x| {
                    u64::from((i32::from(a as i16) * i32::from(b as i16)).wrapping_add(c as i32) as u32)
                },
                MadWideU16 |a, b, c, _x| a.wrapping_mul(b).wrapping_add(c) & 0xffff_ffff,
                MadWideS32 |a, b, c, _x| ((i64::from(a as i32) * i64::from(b as i32)) as u64).wrapping_add(c),
                MadWideU32 |a, b, c, _x| (a & 0xffff_ffff).wrapping_mul(b & 0xffff_ffff).wrapping_add(c),
                FmaF64 |a, b, c, _x| f64::from_bits(a).mul_add(f64::from_bits(b), f64::from_bits(c)).to_bits(),
                FmaF32 |a, b, c, _x| {
                    single(f32::from_bits(a as u32).mul_add(f32::from_bits(b as u32), f32::from_bits(c as u32)))
                },
                ExtractU32 |a, b, c, _x| extract(a, b, c, 32, false) & 0xffff_ffff,
                ExtractU64 |a, b, c, _x| extract(a, b, c, 64, false),
                ExtractS32 |a, b, c, _x| extract(a, b, c, 32, true) & 0xffff_ffff,
                ExtractS64 |a, b, c, _x| extract(a, b, c, 64, true),
                Permute |a, b, c, _x| permute(a, b, c),
                FunnelLeftWrap |a, b, c, _x| ((b << 32 | a) << (c & 31)) >> 32,
                FunnelLeftClamp |a, b, c, _x| ((u128::from(b << 32 | a) << (c as u32).min(32)) >> 32) as u64 & 0xffff_ffff,
                FunnelRightWrap |a, b, c, _x| ((b << 32 | a) >> (c & 31)) & 0xffff_ffff,
                FunnelRightClamp |a, b, c, _x| ((b << 32 | a) >> (c as u32).min(32)) & 0xffff_ffff,
                AbsDiffS32 |a, b, c, _x| u64::from((a as i32).abs_diff(b as i32).wrapping_add(c as u32)),
                AbsDiffU32 |a, b, c, _x| u64::from((a as u32).abs_diff(b as u32).wrapping_add(c as u32)),
                AbsDiffS64 |a, b, c, _x| (a as i64).abs_diff(b as i64).wrapping_add(c),
                AbsDiffU64 |a, b, c, _x| a.abs_diff(b).wrapping_add(c),
                DotBytes |a, b, c, x| dot_bytes(a, b, c, x),
                Logic3 |a, b, c, x| logic3(a, b, c, x),
            }
            compare {
                Equal |a, b| a == b,
                NotEqual |a, b| a != b,
                LessU |a, b| a < b,
                LessEqualU |a, b| a <= b,
                LessS16 |a, b| (a as i16) < b as i16,
                LessEqualS16 |a, b| a as i16 <= b as i16,
                LessS32 |a, b| (a as i32) < b as i32,
                LessEqualS32 |a, b| a as i32 <= b as i32,
                LessS64 |a, b| (a as i64) < b as i64,
                LessEqualS64 |a, b| a as i64 <= b as i64,
                EqualF64 |a, b| f64::from_bits(a) == f64::from_bits(b),
                DifferF64 |a, b| f64::from_bits(a) < f64::from_bits(b) || f64::from_bits(a) > f64::from_bits(b),
                LessF64 |a, b| f64::from_bits(a) < f64::from_bits(b),
                LessEqualF64 |a, b| f64::from_bits(a) <= f64::from_bits(b),
                NumbersF64 |a, b| !f64::from_bits(a).is_nan() && !f64::from_bits(b).is_nan(),
                EqualF32 |a, b| widen(a) == widen(b),
                DifferF32 |a, b| widen(a) < widen(b) || widen(a) > widen(b),
                LessF32 |a, b| widen(a) < widen(b),
                LessEqualF32 |a, b| widen(a) <= widen(b),
                NumbersF32 |a, b| !widen(a).is_nan() && !widen(b).is_nan(),
                FiniteF64 |a, _b| f64::from_bits(a).is_finite(),
                InfiniteF64 |a, _b| f64::from_bits(a).is_infinite(),
                NormalF64 |a, _b| f64::from_bits(a).is_normal(),
                SubnormalF64 |a, _b| f64::from_bits(a).is_subnormal(),
                FiniteF32 |a, _b| f32::from_bits(a as u32).is_finite(),
                InfiniteF32 |a, _b| f32::from_bits(a as u32).is_infinite(),
                NormalF32 |a, _b| f32::from_bits(a as u32).is_normal(),
                SubnormalF32 |a, _b| f32::from_bits(a as u32).is_subnormal(),
            }
        }
    };
}
pub(crate) use lane_codes;

macro_rules! define_code {
    (
        unary { $($unary:ident |$ua:ident| $ue:expr,)* }
        binary { $($binary:ident |$ba:ident, $bb:ident| $be:expr,)* }
        ternary { $($ternary:ident |$ta:ident, $tb:ident, $tc:ident, $tx:ident| $te:expr,)* }
        compare { $($compare:ident |$ca:ident, $cb:ident| $ce:expr,)* }
    ) => {
        /// What one decoded instruction does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub(crate) enum Code {
            $($unary,)* $($binary,)* $($ternary,)* $($compare,)*
            /// `d = p(c) ? a : b`
            Select,
            /// Bit field insert: `a` into `b` at `c`, length in register `x`.
            Insert32,
            Insert64,
            PredicateMove,
            PredicateNot,
            PredicateAnd,
            PredicateOr,
            PredicateXor,
            /// `d` becomes the constant `x`.
            PredicateSet,
            /// Carry chain; `x` indexes `Tables::carries`.
            Carry,
            /// A special register that changes while the kernel runs; `x` is a `Clock`.
            ReadClock,
            /// `d` = generic address of shared offset `a`, or of a local offset, and back; `x` is an `AddressMap`.
            MapAddress,
            /// `d` = whether `a` lies in the space `x`.
            IsSpace,
            /// `d` = address `a` in the shared memory of the CTA with cluster rank `b`; `x` is 1 for generic addresses.
            MapRank,
            /// `x` indexes `Tables::accesses`.
            Load,
            Store,
            /// `x` indexes `Tables::atomics`.
            Atomic,
            /// `x` is a `FenceScope`.
            Fence,
            Branch,
            /// `x` indexes `Tables::branches`; `a` selects.
            BranchIndexed,
            /// `x` indexes `Tables::calls`.
            Call,
            Return,
            Exit,
            Trap,
            /// Handle in `a`, value in `b`.
            SetConditional,
            Sleep,
            WarpBarrier,
            Shuffle,
            Vote,
            MatchAny,
            MatchAll,
            ActiveMask,
            Reduce,
            Elect,
            /// `x` indexes `Tables::barriers`.
            Barrier,
            /// `x` is 1 for release.
            ClusterArrive,
            /// `x` is 1 for acquire.
            ClusterWait,
            Nothing,
        }
    };
}
lane_codes!(define_code);

/// The functions that the lane codes call. Inlined into the loops.
pub(crate) mod lane {
    #[inline(always)]
    pub(crate) fn single(value: f32) -> u64 {
        u64::from(value.to_bits())
    }

    #[inline(always)]
    pub(crate) fn widen(bits: u64) -> f64 {
        f64::from(f32::from_bits(bits as u32))
    }

    #[inline(always)]
    pub(crate) fn find_first(value: u64, top: u32) -> u64 {
        if value == 0 { 0xffff_ffff } else { u64::from(top - (value.leading_zeros() - (63 - top))) }
    }

    #[inline(always)]
    pub(crate) fn find_shift(value: u64, top: u32) -> u64 {
        if value == 0 { 0xffff_ffff } else { u64::from(value.leading_zeros() - (63 - top)) }
    }

    #[inline(always)]
    pub(crate) fn shift_left(value: u64, by: u64) -> u64 {
        if by as u32 > 63 { 0 } else { value << (by & 63) }
    }

    /// Division by zero has no defined result in PTX; the hardware gives all ones.
    #[inline(always)]
    pub(crate) fn div_signed(a: i64, b: i64) -> i64 {
        if b == 0 { -1 } else { a.wrapping_div(b) }
    }

    #[inline(always)]
    pub(crate) fn rem_signed(a: i64, b: i64) -> i64 {
        if b == 0 { a } else { a.wrapping_rem(b) }
    }

    /// NaN loses against a number, and -0 is less than +0.
    #[inline(always)]
    pub(crate) fn min_f64(a: f64, b: f64) -> f64 {
        if a.is_nan() {
            return if b.is_nan() { f64::from_bits(0x7fff_ffff_ffff_ffff) } else { b };
        }
        if b.is_nan() || a < b || (a == b && a.is_sign_negative()) { a } else { b }
    }

    #[inline(always)]
    pub(crate) fn max_f64(a: f64, b: f64) -> f64 {
        if a.is_nan() {
            return if b.is_nan() { f64::from_bits(0x7fff_ffff_ffff_ffff) } else { b };
        }
        if b.is_nan() || a > b || (a == b && a.is_sign_positive()) { a } else { b }
    }

    /// `bfe`: positions and lengths count in the low byte; bits past the top repeat the sign or are zero.
    #[inline(always)]
    pub(crate) fn extract(value: u64, position: u64, length: u64, bits: u32, signed: bool) -> u64 {
        let (position, length) = ((position & 0xff) as u32, (length & 0xff) as u32);
        if length == 0 {
            return 0;
        }
        let wide = if !signed {
            i128::from(value)
        } else if bits == 32 {
            i128::from(value as i32)
        } else {
            i128::from(value as i64)
        };
        let top = position.saturating_add(length).min(bits);
        if !signed {
            let shifted = if position >= bits { 0 } else { wide >> position };
            return if length >= 64 { shifted as u64 } else { shifted as u64 & ((1 << length) - 1) };
        }
        // The sign is the field's top bit, or the value's where the field runs past it.
        let sign_at = (position + length - 1).min(bits - 1);
        let sign = (wide >> sign_at) & 1;
        let kept = top.saturating_sub(position);
        let field = if kept == 0 { 0 } else { (wide >> position) & ((1i128 << kept) - 1) };
        (if sign == 1 { field | (-1i128 << kept) } else { field }) as u64
    }

    /// `bfi`
    #[inline(always)]
    pub(crate) fn insert(source: u64, into: u64, position: u64, length: u64, bits: u32) -> u64 {
        let (position, length) = ((position & 0xff) as u32, (length & 0xff) as u32);
        if length == 0 || position >= bits {
            return into;
        }
        let mask = if length >= 64 { u64::MAX } else { (1 << length) - 1 } << position;
        let mask = if bits == 32 { mask & 0xffff_ffff } else { mask };
        (into & !mask) | ((source << position) & mask)
    }

    /// `prmt` in its default mode: four selectors of four bits, the top one replicating the sign.
    #[inline(always)]
    pub(crate) fn permute(a: u64, b: u64, selectors: u64) -> u64 {
        let bytes = (a & 0xffff_ffff) | b << 32;
        let mut result = 0;
        for index in 0..4 {
            let selector = selectors >> (4 * index);
            let byte = (bytes >> (8 * (selector & 7))) as u8;
            let byte = if selector & 8 != 0 { ((byte as i8) >> 7) as u8 } else { byte };
            result |= u64::from(byte) << (8 * index);
        }
        result
    }

    /// `dp4a`; bit 0 of `x`: `a` is signed, bit 1: `b` is signed.
    #[inline(always)]
    pub(crate) fn dot_bytes(a: u64, b: u64, c: u64, x: u32) -> u64 {
        let byte = |word: u64, index: u32, signed: bool| {
            let byte = (word >> (8 * index)) as u8;
            if signed { i32::from(byte as i8) } else { i32::from(byte) }
        };
        let mut sum = c as i32;
        for index in 0..4 {
            sum = sum.wrapping_add(byte(a, index, x & 1 != 0) * byte(b, index, x & 2 != 0));
        }
        u64::from(sum as u32)
    }

    /// `lop3`: `x` is the truth table over (a, b, c).
    #[inline(always)]
    pub(crate) fn logic3(a: u64, b: u64, c: u64, x: u32) -> u64 {
        let mut result = 0;
        for row in 0..8 {
            if x >> row & 1 != 0 {
                let pick = |value: u64, bit: u32| if row & bit != 0 { value } else { !value };
                result |= pick(a, 4) & pick(b, 2) & pick(c, 1);
            }
        }
        result & 0xffff_ffff
    }
}
