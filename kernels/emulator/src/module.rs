//! Modules and kernels without a driver: load PTX, run a kernel on the calling thread.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::machine::{AddressSpace, Fault, Hooks, Launch, LaunchSettings, Owner, Shape, WeakMemory, run};
use crate::program::{Image, Program, decode_entry};
use crate::ptx::{LoadError, parse};

/// A loaded module: its kernels decoded, its variables in memory.
pub struct Module {
    programs: BTreeMap<String, Arc<Program>>,
    image: Arc<Image>,
}

/// One kernel of a module.
#[derive(Clone)]
pub struct Kernel {
    pub(crate) program: Arc<Program>,
    /// Keeps the variables alive.
    pub(crate) image: Arc<Image>,
}

/// How a kernel runs. The default is fast: memory as the host has it, no hooks.
#[derive(Clone, Default)]
pub struct RunOptions {
    /// Weak memory by seed.
    pub weak: Option<WeakMemory>,
    /// Hooks, shared with whoever holds them.
    pub hooks: Option<Arc<Hooks>>,
    /// Memory that the kernel may touch, as start and bytes; None checks nothing but the null page.
    pub allowed: Option<Vec<(u64, u64)>>,
}

impl Module {
    /// Parses and decodes a module. Everything that the machine cannot run is refused here.
    pub fn load(source: &str) -> Result<Self, LoadError> {
        let raw = parse(source)?;
        let image = Image::build(&raw)?;
        let entries = raw.functions.iter().filter(|function| function.is_entry && function.body.is_some());
        let programs = entries
            .map(|entry| Ok((entry.name.clone(), Arc::new(decode_entry(&raw, &image, entry)?))))
            .collect::<Result<_, LoadError>>()?;
        Ok(Self { programs, image: Arc::new(image) })
    }

    /// A kernel by name.
    pub fn kernel(&self, name: &str) -> Option<Kernel> {
        let program = self.programs.get(name)?.clone();
        Some(Kernel { program, image: self.image.clone() })
    }

    /// The kernels' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.programs.keys().map(String::as_str)
    }

    /// The address and size of the module's variables, as one block.
    pub fn variables(&self) -> (u64, u64) {
        self.image.range()
    }
}

impl Kernel {
    /// Bytes of the kernel's parameter block.
    pub fn parameter_bytes(&self) -> usize {
        self.program.parameter_bytes
    }

    /// Decoded instructions, those of the functions that it calls among them.
    pub fn instructions(&self) -> usize {
        self.program.code.len()
    }

    /// Runs the kernel to its end on this thread. `parameters` are the parameters' bytes, one slice each.
    ///
    /// # Safety
    /// The pointers among the parameters must be good for what the kernel does with them. With
    /// [`RunOptions::allowed`] the kernel cannot touch memory outside of what is listed, and that must be good.
    pub unsafe fn run(&self, shape: Shape, parameters: &[&[u8]], options: &RunOptions) -> Result<(), Fault> {
        let mut block = vec![0; self.program.parameter_bytes];
        assert_eq!(parameters.len(), self.program.parameters.len(), "number of parameters");
        for (slot, bytes) in self.program.parameters.iter().zip(parameters) {
            assert_eq!(bytes.len(), slot.bytes, "bytes of a parameter");
            block[slot.offset..slot.offset + slot.bytes].copy_from_slice(bytes);
        }
        assert!((1..=1024).contains(&shape.threads()), "threads of a CTA");
        let space = options.allowed.as_ref().map(|ranges| {
            let space = AddressSpace::default();
            ranges.iter().for_each(|&(start, bytes)| space.insert(start, bytes, Owner::Host));
            let (start, bytes) = self.image.range();
            space.insert(start, bytes, Owner::Device);
            Arc::new(space)
        });
        let settings = LaunchSettings {
            space,
            hooks: options.hooks.clone(),
            weak: options.weak,
            multiprocessors: 4,
            resident_ctas: 64,
            conditional: None,
            vectors: None,
        };
        run(&mut Launch::new(self.program.clone(), shape, &block, settings))
    }
}
