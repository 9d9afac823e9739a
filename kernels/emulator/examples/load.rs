//! Loads the PTX files that are named, and says for each kernel how many instructions it has, or why it was refused.

fn main() {
    for path in std::env::args().skip(1) {
        match std::fs::read_to_string(&path).map(|text| emulator::Module::load(&text)) {
            Ok(Ok(module)) => {
                for name in module.names() {
                    let kernel = module.kernel(name).expect("named by the module");
                    println!("{path}: {name}: {} instructions", kernel.instructions());
                }
            }
            Ok(Err(refusal)) => println!("{path}: refused: {refusal}"),
            Err(error) => println!("{path}: {error}"),
        }
    }
}
