//! The declaration macros: one text yields a type, its codec, its disassembly and the table the generators read.

/// Declares an enumeration that occupies one byte of an instruction. `reserved` codes are named in the generated
/// documents, and decoding one gives [`crate::DecodeError::Unimplemented`] instead of a guess.
macro_rules! coded_enum {
    ($(#[doc = $edoc:literal])+ $Name:ident {
        $( $(#[doc = $vdoc:literal])+ $Variant:ident = $code:literal $text:literal, )+
        $( reserved $rcode:literal $rtext:literal, )*
    }) => {
        $(#[doc = $edoc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $Name { $( $(#[doc = $vdoc])+ $Variant = $code, )+ }

        impl $Name {
            /// Every implemented variant.
            pub const ALL: &'static [Self] = &[$( Self::$Variant, )+];
            /// Codes, names and documentation for the generated pages; `None` marks a reserved code.
            pub const CODES: &'static [$crate::instruction::Code] = &[
                $( $crate::instruction::Code { code: $code, name: $text, doc: Some(concat!($($vdoc),+)) }, )+
                $( $crate::instruction::Code { code: $rcode, name: $rtext, doc: None }, )*
            ];
            /// The name used by the disassembly.
            pub const fn name(self) -> &'static str { match self { $( Self::$Variant => $text, )+ } }
        }

        impl $crate::instruction::FieldType for $Name {
            const BYTES: usize = 1;
            const CODES: &'static [$crate::instruction::Code] = Self::CODES;
            const TYPE_NAME: &'static str = stringify!($Name);
            fn get(bytes: &[u8], field: &'static str) -> Result<Self, $crate::DecodeError> {
                match bytes[0] {
                    $( $code => Ok(Self::$Variant), )+
                    $( $rcode => Err($crate::DecodeError::Unimplemented { feature: $rtext }), )*
                    value => Err($crate::DecodeError::ReservedValue { field, value }),
                }
            }
            fn put(self, bytes: &mut [u8]) { bytes[0] = self as u8; }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.name()) }
        }
    };
}

/// Declares the operations: opcode, unit, flag bits of byte 1 and byte-aligned fields from byte 8 on.
macro_rules! operations {
    ($( $(#[doc = $odoc:literal])+ $Name:ident = $opcode:literal $mnemonic:literal on $Unit:ident {
        flags {
            $( $(#[doc = $bdoc:literal])+ $bit:literal $flag:ident, )*
            $( reserved $rbit:literal $rflag:literal, )*
        }
        fields { $( $(#[doc = $fdoc:literal])+ $offset:literal $field:ident: $ty:ty, )* }
    } )+) => {
        $(
            $(#[doc = $odoc])+
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
            pub struct $Name {
                $( $(#[doc = $bdoc])+ pub $flag: bool, )*
                $( $(#[doc = $fdoc])+ pub $field: $ty, )*
            }

            impl $Name {
                /// The operation's first byte.
                pub const OPCODE: u8 = $opcode;

                fn put(&self, bytes: &mut [u8; $crate::INSTRUCTION_BYTES]) {
                    bytes[0] = $opcode;
                    $( if self.$flag { bytes[1] |= 1 << $bit; } )*
                    $( <$ty as FieldType>::put(self.$field, &mut bytes[$offset..$offset + <$ty as FieldType>::BYTES]); )*
                }

                #[allow(unused_variables, reason = "an operation without operands reads nothing")]
                fn get(bytes: &[u8; $crate::INSTRUCTION_BYTES]) -> Result<Self, DecodeError> {
                    $( if bytes[1] & (1 << $rbit) != 0 { return Err(DecodeError::Unimplemented { feature: $rflag }); } )*
                    Ok(Self {
                        $( $flag: bytes[1] & (1 << $bit) != 0, )*
                        $( $field: <$ty as FieldType>::get(
                            &bytes[$offset..$offset + <$ty as FieldType>::BYTES], stringify!($field))?, )*
                    })
                }
            }

            impl std::fmt::Display for $Name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str($mnemonic)?;
                    $( write!(f, " {}={}", stringify!($field), self.$field)?; )*
                    $( if self.$flag { f.write_str(concat!(" +", stringify!($flag)))?; } )*
                    Ok(())
                }
            }
        )+

        /// What an instruction does, with its operands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Op { $( $(#[doc = $odoc])+ $Name($Name), )+ }

        impl Op {
            /// The unit whose queue takes this operation.
            pub const fn unit(&self) -> Unit { match self { $( Self::$Name(_) => Unit::$Unit, )+ } }
            /// The mnemonic used by the disassembly.
            pub const fn mnemonic(&self) -> &'static str { match self { $( Self::$Name(_) => $mnemonic, )+ } }
            fn put(&self, bytes: &mut [u8; $crate::INSTRUCTION_BYTES]) { match self { $( Self::$Name(op) => op.put(bytes), )+ } }
            fn get(bytes: &[u8; $crate::INSTRUCTION_BYTES]) -> Result<Self, DecodeError> {
                match bytes[0] {
                    $( $opcode => Ok(Self::$Name($Name::get(bytes)?)), )+
                    opcode => Err(DecodeError::UnknownOpcode { opcode }),
                }
            }
        }

        $( impl From<$Name> for Op { fn from(op: $Name) -> Self { Self::$Name(op) } } )+

        impl std::fmt::Display for Op {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self { $( Self::$Name(op) => op.fmt(f), )+ }
            }
        }

        /// Every operation with its fields, for the generators of RTL and documents.
        pub const OPERATIONS: &[OperationDecl] = &[ $( OperationDecl {
            name: stringify!($Name), mnemonic: $mnemonic, opcode: $opcode, unit: Unit::$Unit, doc: concat!($($odoc, "\n"),+),
            flags: &[ $( FlagDecl { name: stringify!($flag), bit: $bit, doc: Some(concat!($($bdoc),+)) }, )*
                      $( FlagDecl { name: $rflag, bit: $rbit, doc: None }, )* ],
            fields: &[ $( FieldDecl {
                name: stringify!($field), offset: $offset, bytes: <$ty as FieldType>::BYTES,
                type_name: <$ty as FieldType>::TYPE_NAME, codes: <$ty as FieldType>::CODES, doc: concat!($($fdoc),+),
            }, )* ],
        }, )+ ];
    };
}
